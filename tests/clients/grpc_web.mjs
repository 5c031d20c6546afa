// Administers portals by gRPC-Web with Connect, as a page in a browser does.
//
//   node grpc_web.mjs URL    (on standard input {"token": …, "cookie": …, "name": …})
//
// Stands beside `gen`, which `buf generate` makes of the contracts. Prints one JSON object: what came of each try.

import { readFileSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { BadRequestSchema, ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { CredentialService } from "./gen/portals/credential/v1/credential_pb.js";
import { DirectoryService } from "./gen/portals/directory/v1/directory_pb.js";
import { SessionService } from "./gen/portals/directory/v1/session_pb.js";
import { ExecutionService } from "./gen/portals/execution/v1/execution_pb.js";
import { RegistryService } from "./gen/portals/registry/v1/registry_pb.js";
import { TokenService } from "./gen/portals/token/v1/token_pb.js";

const baseUrl = process.argv[2];
const { token, cookie, name } = JSON.parse(readFileSync(0, "utf8"));
const organization = "my-organization";
const bearer = { headers: { authorization: `Bearer ${token}` } };

function reach(service, headers = {}) {
  // What a browser adds by itself.
  const send = (url, init) =>
    fetch(url, { ...init, headers: { ...Object.fromEntries(new Headers(init.headers)), ...headers } });
  return createClient(service, createGrpcWebTransport({ baseUrl, fetch: send }));
}

async function outcome(call) {
  try {
    return { message: await call };
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    const [info] = error.findDetails(ErrorInfoSchema);
    const [bad] = error.findDetails(BadRequestSchema);
    return {
      code: Code[error.code],
      reason: info?.reason,
      domain: info?.domain,
      facts: info?.metadata,
      fields: bad?.fieldViolations.map((violation) => violation.field),
    };
  }
}

const registry = reach(RegistryService);
const query = "{ viewer { id } }";
const made = await outcome(registry.createPortal({ organization, name, query }, bearer));
const slug = made.message?.portal.slug;
const reference = { organizationUuid: made.message?.portal.organizationUuid, portalUuid: made.message?.portal.uuid };
const change = {
  organization,
  portal: slug,
  description: "changed",
  updateMask: create(FieldMaskSchema, { paths: ["description"] }),
};
const page = (origin) => ({ cookie, origin });
const results = {
  made,
  listed: await outcome(registry.listPortals({ organization, perPage: 100 }, bearer)),
  changed: await outcome(registry.updatePortal(change, bearer)),
  secret: await outcome(reach(CredentialService).createSecret({ portal: reference, description: "CI" }, bearer)),
  members: await outcome(reach(DirectoryService).listMembers({ organizationUuid: reference.organizationUuid }, bearer)),
  user: await outcome(reach(TokenService).getAuthenticatedUser({}, bearer)),
  invalid: await outcome(registry.createPortal({ organization, name, query: "{ nonsense }" }, bearer)),
  anonymous: await outcome(registry.listPortals({ organization })),
  late: await outcome(registry.listPortals({ organization }, { headers: { ...bearer.headers, "grpc-timeout": "1n" } })),
  services: await outcome(registry.resolvePortal({ organization, portal: slug }, bearer)),
  execution: await outcome(reach(ExecutionService).executePortal({ organization, portal: slug }, bearer)),
  signedIn: await outcome(reach(SessionService, page(baseUrl)).getSession({})),
  bySession: await outcome(reach(RegistryService, page(baseUrl)).getPortal({ organization, portal: slug })),
  changedBySession: await outcome(reach(RegistryService, page(baseUrl)).updatePortal(change)),
  elsewhere: await outcome(reach(RegistryService, page("https://evil.example")).getPortal({ organization, portal: slug })),
  nowhere: await outcome(reach(RegistryService, { cookie }).getPortal({ organization, portal: slug })),
  deleted: await outcome(registry.deletePortal({ organization, portal: slug, wait: true }, bearer)),
};
console.log(JSON.stringify(results, (_, value) => (typeof value === "bigint" ? value.toString() : value)));
