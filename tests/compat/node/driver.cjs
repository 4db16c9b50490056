"use strict";
/*
 * Commands Plivo's SDK for Node.js: one JSON object a line comes in, one goes out.
 *
 *     {"do": "calls.get", "with": ["uuid"]}  →  {"ok": {…}} or {"error": 404, "text": "call not found"}
 *
 * "list" tells the methods of every interface, "xml" writes a document with the XML classes, "validate" checks signatures.
 */

// The SDK prints here and there; our lines are the answers.
console.log = console.error;

const readline = require("readline");
const plivo = require("plivo");
require(process.env.HELPER).use(process.env.NODE_URL);

const client = new plivo.Client(process.env.AUTH_ID, process.env.AUTH_TOKEN, { timeout: 60000 });

function methodsOf(object) {
  const found = new Set();
  for (let each = object; each && each !== Object.prototype; each = Object.getPrototypeOf(each)) {
    for (const name of Object.getOwnPropertyNames(each)) {
      if (typeof object[name] === "function" && name !== "constructor") found.add(name);
    }
  }
  return [...found].sort();
}

function written(tree, into) {
  for (const [adder, text, attributes, inside] of tree) {
    const made = text === null ? into[adder](attributes) : into[adder](text, attributes);
    if (inside) written(inside, made);
  }
  return into;
}

async function answer(command) {
  const given = command.with || [];
  if (command.do === "list") {
    return Object.fromEntries(Object.entries(client).map(([name, each]) => [name, methodsOf(each)]));
  }
  if (command.do === "Response") return written(given[0], plivo.Response()).toXML();
  if (command.do === "validateV3Signature") return plivo.validateV3Signature(...given);
  if (command.do === "validateSignature") return plivo.validateSignature(...given);
  const [owner, method] = command.do.split(".");
  return client[owner][method](...given);
}

/** What is worth telling: values, not the SDK's own inner things. */
function plain(value) {
  if (Array.isArray(value)) return { items: value.map(plain), meta: value.meta };
  return value;
}

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  let told;
  try {
    told = { ok: plain(await answer(JSON.parse(line))) };
  } catch (error) {
    // Its error classes lose their names on the way to JavaScript of old; the status stays.
    told = { error: (error && error.status) || 0, text: String((error && error.message) || error) };
  }
  const known = new Set();
  process.stdout.write(
    JSON.stringify(told, (_, value) => {
      if (typeof value === "object" && value !== null) {
        if (known.has(value)) return undefined;
        known.add(value);
      }
      return value;
    }) + "\n"
  );
});
