// Drives Chromium for a test, as a person at a screen and a keyboard would.
//
//   node chromium.mjs DIRECTORY    (DIRECTORY holds node_modules)
//
// Reads one step a line on standard input, `["click", "Approve"]`, and answers each with a line: `{"answer": …}` or
// `{"fault": "…"}`. Ends with its input. The browser is PORTALS_TEST_CHROMIUM, or the first Chromium in the PATH.

import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";

const [directory] = process.argv.slice(2);
const require = createRequire(`${directory}/`);
const { chromium } = require("playwright-core");
const { AxeBuilder } = require("@axe-core/playwright");

// The machine may be busy.
const PATIENCE = 60_000;

function installed() {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const paths = process.env.PATH.split(delimiter).flatMap((directory) => names.map((name) => join(directory, name)));
  const path = process.env.PORTALS_TEST_CHROMIUM ?? paths.find(existsSync);
  if (!path) throw new Error("no Chromium: `tests/run` installs it");
  return path;
}

const browser = await chromium.launch({
  executablePath: installed(),
  // People have it, and it is one more place from which a page may come back.
  ignoreDefaultArgs: ["--disable-back-forward-cache"],
});
const context = await browser.newContext();
context.setDefaultTimeout(PATIENCE);
const page = await context.newPage();
const servers = [];

let status = null;
page.on("response", (response) => {
  if (response.request().isNavigationRequest() && response.frame() === page.mainFrame()) status = response.status();
});

// What the browser finds fault with. That a page we asked for is a 401 or a 404 is none: `status` says it.
let complaints = [];
page.on("console", (message) => {
  const isStatus = message.text().startsWith("Failed to load resource") && message.location().url === page.url();
  if (["error", "warning"].includes(message.type()) && !isStatus) complaints.push(message.text());
});
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("dialog", (dialog) => {
  complaints.push(`a dialog: ${dialog.message()}`);
  dialog.dismiss();
});

function focused() {
  const element = document.activeElement;
  return element?.id || element?.textContent.trim() || element?.tagName;
}

async function look() {
  const [url, title] = [page.url(), await page.title()];
  return { status, url, title, text: await page.locator("body").innerText(), focus: await page.evaluate(focused) };
}

/** Does what leads to another page, and looks at that. */
async function going(action) {
  await Promise.all([page.waitForNavigation({ waitUntil: "load" }), action()]);
  return look();
}

/** What axe-core finds, in one of the two colour schemes. */
async function barriers(colorScheme) {
  await page.emulateMedia({ colorScheme });
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.map(({ id, impact, nodes }) => `${impact}: ${id} (${colorScheme}) ${nodes.map(({ html }) => html)}`);
}

const steps = {
  look,
  open: (url) => page.goto(url).then(look),
  reload: () => page.reload().then(look),
  back: () => page.goBack().then(look),
  fill: (label, text) => page.getByLabel(label).fill(text),
  click: (name) => going(() => page.getByRole("button", { name, exact: true }).click()),
  type: (text) => page.keyboard.type(text),
  press: (key) => page.keyboard.press(key).then(() => page.evaluate(focused)),
  enter: () => going(() => page.keyboard.press("Enter")),
  /** Opens a page of somebody else's that leads on by itself, and waits until it has. */
  forged: async (url) => {
    await page.goto(url);
    await page.waitForURL((now) => !now.href.startsWith(url), { waitUntil: "load" });
  },
  cookies: () => context.cookies(),
  evaluate: (expression) => page.evaluate(expression),
  resize: (width, height) => page.setViewportSize({ width, height }),
  barriers: async () => [...(await barriers("light")), ...(await barriers("dark"))],
  complaints: () => complaints.splice(0),
  frames: () => Promise.all(page.frames().slice(1).map((frame) => frame.evaluate("document.body.innerText"))),
  /** Serves a page from another origin on loopback. Gives its port. */
  serve: async (html) => {
    const server = createServer((_, response) => response.setHeader("Content-Type", "text/html").end(html));
    servers.push(server);
    await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
    return server.address().port;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...values] = JSON.parse(line);
  let alarm;
  const late = new Promise((_, refuse) => {
    alarm = setTimeout(() => refuse(new Error("it takes too long")), PATIENCE);
  });
  const told = await Promise.race([steps[name](...values), late]).then(
    (answer) => ({ answer: answer ?? null }),
    (error) => ({ fault: `${name}: ${error.message}` }),
  );
  clearTimeout(alarm);
  console.log(JSON.stringify(told));
}
setTimeout(() => process.exit(1), PATIENCE).unref();
for (const server of servers) server.close();
for (const server of servers) server.closeAllConnections();
await browser.close();
