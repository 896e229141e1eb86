// JSON with exact numbers: one that a double would round arrives as text.

import type { Num } from "../lib/number";

const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

const digits = (number: string) => number.replace(/[eE].*$/, "").replace(/[-.]/g, "").replace(/^0+/, "").length;

// parse reads a text that is known to be JSON. Only numbers of more than 15 digits change: into strings.
export function parse(text: string): unknown {
  return JSON.parse(text.replace(token, (t) => (t[0] === '"' || digits(t) <= 15 ? t : '"' + t + '"')));
}

// parseExact reads the same, for what is shown or sent back as it is: long numbers stay numbers, which stringify writes digit by digit.
export function parseExact(text: string): unknown {
  const mark = "\u0000long";
  const marked = text.replace(token, (t) => (t[0] === '"' || digits(t) <= 15 ? t : JSON.stringify(mark + t)));
  return JSON.parse(marked, (_, v) => (typeof v === "string" && v.startsWith(mark) ? new Raw(v.slice(mark.length)) : v));
}

// raw marks a decimal that is to be written into JSON as it is.
class Raw {
  constructor(readonly text: string) {}
}

// decimal takes what a person typed: 10,000,000 or 10 000.5 or an empty field (absent).
export function decimal(text: string): Raw | undefined {
  const clean = text.replace(/[\s,_]/g, "");
  if (clean === "") return undefined;
  return /^-?\d+(\.\d+)?$/.test(clean) ? new Raw(clean) : undefined;
}
export const isDecimal = (text: string): boolean => decimal(text) !== undefined;
export const num = (n: Num): Raw => new Raw(String(n));

// stringify is JSON.stringify that writes Raw decimals digit by digit.
export function stringify(value: unknown, indent = 0): string {
  const texts: string[] = [];
  const mark = "\u0000raw";
  const out = JSON.stringify(value, (_, v) => (v instanceof Raw ? mark + (texts.push(v.text) - 1) : v), indent);
  return out.replace(/"\\u0000raw(\d+)"/g, (_, i) => texts[Number(i)]!);
}
