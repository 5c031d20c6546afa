// Obtains a token with a ready-made OAuth 2.0 client that knows nothing but the URL, the client's id and its secret.
//
//   node oauth4webapi.mjs URL CLIENT_ID DIRECTORY    (the secret on standard input; DIRECTORY holds node_modules)
//
// Prints one JSON object: what it got with each way to authenticate, by the way's name.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [url, clientId, directory] = process.argv.slice(2);
const entry = createRequire(`${directory}/`).resolve("oauth4webapi");
const oauth = await import(pathToFileURL(entry));
const secret = readFileSync(0, "utf8").trim();

const server = { issuer: new URL(url).origin, token_endpoint: url };
const client = { client_id: clientId };

async function grant(authentication) {
  // The client insists on https elsewhere than here, on loopback.
  const options = { [oauth.allowInsecureRequests]: true };
  const response = await oauth.clientCredentialsGrantRequest(server, client, authentication, {}, options);
  return oauth.processClientCredentialsResponse(server, client, response);
}

async function refusal(authentication) {
  try {
    await grant(authentication);
  } catch (error) {
    // After HTTP Basic the challenge is what the client reports.
    return error.error ?? error.code;
  }
  return null;
}

console.log(
  JSON.stringify({
    "oauth4webapi client_secret_post": await grant(oauth.ClientSecretPost(secret)),
    "oauth4webapi client_secret_basic": await grant(oauth.ClientSecretBasic(secret)),
    refusal: await refusal(oauth.ClientSecretPost("nonsense")),
  }),
);
