// velocityjs's side of compare.py; see render.rs. The template is parsed once; paths are functions, which
// costs less than any JSONPath package.
"use strict";

const { readFileSync } = require("node:fs");
const { createInterface } = require("node:readline");
const { Compile, parse } = require("velocityjs");

const template = parse(readFileSync(process.argv[2], "utf8"));
const body = readFileSync(process.argv[3], "utf8");

const paths = {
  "$": (document) => document,
  "$.customer.tags": (document) => document.customer.tags,
  "$.customer.address": (document) => document.customer.address,
};

const util = {
  escapeJavaScript: (value) =>
    String(value).replace(/[\\"'/]/g, "\\$&").replace(/[^ -~]/g, (it) => "\\u" + it.charCodeAt(0).toString(16).padStart(4, "0")),
};
const constants = {
  util,
  stageVariables: { env: "production" },
  context: {
    requestId: "c6af9ac6-7b61-41e6-9a41-93e8deadbeef",
    stage: "prod",
    identity: { sourceIp: "203.0.113.7", userAgent: "curl/8.5.0 (x86_64-pc-linux-gnu)" },
  },
};

function render() {
  const document = JSON.parse(body);
  const input = {
    path: (path) => paths[path](document),
    json: (path) => JSON.stringify(paths[path](document)),
  };
  return new Compile(template, { escape: false }).render({ ...constants, input });
}

console.log(render().replace(/\n/g, " "));
let characters = 0;
createInterface({ input: process.stdin }).on("line", (line) => {
  const count = Number(line);
  const begin = process.hrtime.bigint();
  for (let index = 0; index < count; index += 1) {
    characters += render().length;
  }
  console.log(String(process.hrtime.bigint() - begin));
});
process.on("exit", () => console.error(characters));
