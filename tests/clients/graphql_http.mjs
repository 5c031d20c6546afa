// Audits a GraphQL endpoint for what GraphQL over HTTP demands, with the reference implementation's own audits.
//
//   node graphql_http.mjs URL DIRECTORY    (an API access token on standard input; DIRECTORY holds node_modules)
//
// Prints one JSON array: each audit's id, name, status ("ok", "notice", "warn" or "error") and, if it failed, why.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [url, directory] = process.argv.slice(2);
const { auditServer } = createRequire(`${directory}/`)("graphql-http");
const token = readFileSync(0, "utf8").trim();

async function fetchFn(to, { headers, ...rest } = {}) {
  for (let tries = 1; ; tries++) {
    const response = await fetch(to, { ...rest, headers: { ...headers, authorization: `Bearer ${token}` } });
    // Nothing ran: the audits come all at once, and a busy machine asks for patience.
    if (response.status !== 503 || tries === 10) {
      return response;
    }
    await new Promise((resume) => setTimeout(resume, 1000 * Number(response.headers.get("retry-after") ?? 1)));
  }
}

const results = await auditServer({ url, fetchFn });
console.log(JSON.stringify(results.map(({ id, name, status, reason }) => ({ id, name, status, reason }))));
