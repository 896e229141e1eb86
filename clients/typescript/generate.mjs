// Writes the types of an OpenAPI document (as `weir openapi` prints it) as TypeScript: one type a schema, and for each operation
// what it takes and answers.
//
//   node generate.mjs openapi.json src/api.ts

import { readFileSync, writeFileSync } from "node:fs";

const [, , from, to] = process.argv;
const doc = JSON.parse(readFileSync(from, "utf8"));
const members = new Set(["string", "number", "integer", "boolean", "null"]);

const name = (ref) => ref.slice(ref.lastIndexOf("/") + 1);
const resolve = (o) => (o.$ref ? o.$ref.slice(2).split("/").reduce((at, part) => at[part], doc) : o);
const key = (k) => (/^[A-Za-z_$][\w$]*$/.test(k) ? k : JSON.stringify(k));
const comment = (text, pad) => (text ? `${pad}/** ${text.replaceAll("*/", "* /")} */\n` : "");
const union = (parts) => [...new Set(parts)].join(" | ") || "never";
const primitive = (t) => (t === "integer" ? "number" : t);

// type is the TypeScript of a schema.
function type(s, pad = "") {
  if (!s || Object.keys(s).length === 0) return "unknown";
  if (s.$ref) return name(s.$ref);
  for (const some of ["oneOf", "anyOf"]) if (s[some]) return union(s[some].map((x) => type(x, pad)));
  if (s.allOf) return intersection(s, pad);
  if ("const" in s) return JSON.stringify(s.const);
  if (s.enum) return union(s.enum.map((v) => JSON.stringify(v)));
  const types = Array.isArray(s.type) ? s.type : [s.type];
  return union(
    types.map((t) => {
      if (t === "array") return list(type(s.items, pad));
      if (t === "object") return object(s, pad);
      return members.has(t) ? primitive(t) : "unknown";
    }),
  );
}

const list = (item) => (/[|&]/.test(item) ? `(${item})[]` : `${item}[]`);

// intersection: parts that only say what is required make members of the others required.
function intersection(s, pad) {
  const parts = s.allOf.filter((x) => x.$ref || x.properties).map((x) => type(x, pad));
  const required = s.allOf.filter((x) => !x.$ref && !x.properties).flatMap((x) => x.required ?? []);
  const all = parts.join(" & ");
  return required.length ? `WithRequired<${all}, ${union(required.map((r) => JSON.stringify(r)))}>` : all;
}

function object(s, pad) {
  if (!s.properties) {
    const value = s.additionalProperties === true || !s.additionalProperties ? "unknown" : type(s.additionalProperties, pad);
    return `Record<string, ${value}>`;
  }
  const inner = pad + "  ";
  const lines = Object.entries(s.properties).map(
    ([k, v]) => comment(v.description, inner) + `${inner}${key(k)}${s.required?.includes(k) ? "" : "?"}: ${type(v, inner)};`,
  );
  return `{\n${lines.join("\n")}\n${pad}}`;
}

// parameters of one place as an object type; undefined when there are none.
function parameters(op, place, pad) {
  const list = (op.parameters ?? []).map(resolve).filter((p) => p.in === place);
  if (!list.length) return undefined;
  const inner = pad + "  ";
  const lines = list.map((p) => comment(p.description, inner) + `${inner}${key(p.name)}${p.required ? "" : "?"}: ${type(p.schema, inner)};`);
  return `{\n${lines.join("\n")}\n${pad}}`;
}

const json = (o) => resolve(o ?? {}).content?.["application/json"]?.schema;

function answer(op, pad) {
  const types = Object.entries(op.responses)
    .filter(([status]) => status.startsWith("2"))
    .map(([, r]) => json(r))
    .map((s) => (s ? type(s, pad) : "undefined"));
  return union(types);
}

const out = [
  "// Made by generate.mjs from the OpenAPI document of weir. Do not edit.",
  "",
  "type WithRequired<T, K extends PropertyKey> = T & { [P in Extract<keyof T, K>]-?: T[P] };",
  "",
];
for (const [schema, s] of Object.entries(doc.components.schemas)) {
  out.push(`${comment(s.description, "")}export type ${schema} = ${type(s)};`, "");
}
const operations = [];
for (const [path, item] of Object.entries(doc.paths)) {
  for (const [method, op] of Object.entries(item)) operations.push({ method: method.toUpperCase(), path, op });
}
out.push("/** What each operation takes and answers. */", "export interface Operations {");
for (const { op } of operations) {
  out.push(`${comment(op.summary, "  ")}  ${op.operationId}: {`);
  out.push(`    path: ${parameters(op, "path", "    ") ?? "undefined"};`, `    query: ${parameters(op, "query", "    ") ?? "undefined"};`);
  const body = json(op.requestBody);
  out.push(`    body: ${body ? type(body, "    ") : "undefined"};`, `    answer: ${answer(op, "    ")};`, "  };");
}
out.push("}", "", "/** Where each operation is. */", "export const operations: { readonly [K in keyof Operations]: readonly [method: string, path: string] } = {");
for (const { method, path, op } of operations) out.push(`  ${op.operationId}: ["${method}", "${path}"],`);
out.push("};", "");
writeFileSync(to, out.join("\n"));
