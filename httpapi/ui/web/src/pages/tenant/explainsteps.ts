// An explanation as numbered steps.

import { exact } from "../../lib/number";

export interface Explanation {
  [field: string]: unknown;
}

export interface Step {
  title: string;
  lines: string[];
}

// steps shows every part of an explanation in the order in which the answer has it.
export function steps(e: Explanation, _zone: string): { list: Step[]; verdict?: { text: string; over: boolean } } {
  const list = Object.entries(e)
    .filter(([, v]) => v !== null && v !== undefined)
    .map(([name, v]) => ({ title: name.replaceAll("_", " "), lines: lines(v) }));
  return { list };
}

function lines(v: unknown): string[] {
  if (Array.isArray(v)) return v.slice(0, 20).flatMap(lines);
  if (v && typeof v === "object") return Object.entries(v).map(([k, x]) => k.replaceAll("_", " ") + " " + (x && typeof x === "object" ? JSON.stringify(x) : typeof x === "number" ? exact(x) : String(x)));
  return [typeof v === "number" ? exact(v) : String(v)];
}
