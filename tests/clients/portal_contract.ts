// Calls a portal by what its own description says, read by openapi-typescript (`portal.d.ts`) and used through openapi-fetch. Type
// checks: what the description refuses is refused by the compiler, too, or the compiler refuses this.
//
//   node portal_contract.js URL TOKEN
//
// Prints one JSON object: what was read of typed data.

import createClient from "openapi-fetch";
import type { components, paths } from "./portal.js";

declare const process: { argv: string[] };
const [url, token] = process.argv.slice(2);

type Variables = components["schemas"]["GetBuildsVariables"];
const refused: Variables[] = [
  // @ts-expect-error: a variable that a call must give
  {},
  // @ts-expect-error: null where there must be something
  { slug: null },
  // @ts-expect-error: a number that is a text
  { slug: "s", first: "1" },
  // @ts-expect-error: no such value of the enum
  { slug: "s", states: ["NOWHERE"] },
  // @ts-expect-error: null in a list that has none
  { slug: "s", states: [null] },
  // @ts-expect-error: no such variable
  { slug: "s", frist: 1 },
];
const taken: Variables[] = [{ slug: "s" }, { slug: 7, first: null, states: ["PASSED"] }];

const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });
const call = (body: Variables) =>
  client.POST("/organizations/my-organization/portals/typed", {
    params: { query: { operation_name: "GetBuilds" } },
    body,
  });

const { data, error } = await call({ slug: "my-organization/my-pipeline", states: ["SCHEDULED", "RUNNING"] });
if (error) {
  throw new Error(error.message);
}
const pipeline = data.data?.pipeline;
const name: string | undefined = pipeline?.name;
const numbers: (number | undefined)[] = pipeline?.builds?.edges?.map((edge) => edge?.node?.number) ?? [];
// @ts-expect-error: nobody selected it
const unselected = pipeline?.description;

const wrong = await call({ slug: [] as never });
const code: string | undefined = wrong.error?.code;
const fields: string[] | undefined = wrong.error?.errors?.map((entry) => entry.field);
console.log(JSON.stringify({ name, numbers, code, fields, taken: taken.length, refused: refused.length, unselected }));
