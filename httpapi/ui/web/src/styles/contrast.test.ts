// Text has 4.5:1 against every ground that it stands on, graphics 3:1, in both themes.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");

function tokens(block: string): Record<string, string> {
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((m) => [m[1]!, m[2]!]));
}
const light = tokens(css.slice(css.indexOf(":root {"), css.indexOf("@media")));
const darks = [css.slice(css.indexOf("@media"), css.indexOf(':root[data-theme="dark"]')), css.slice(css.indexOf(':root[data-theme="dark"]'))].map(tokens);

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const c = parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}
function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
  return (x! + 0.05) / (y! + 0.05);
}

const text: [string, string[]][] = [
  ["ink", ["ground", "surface", "line2", "water-ghost"]],
  ["ink2", ["ground", "surface", "line2"]],
  ["ink3", ["ground", "surface", "water-ghost"]],
  ["water", ["ground", "surface", "water-ghost"]],
  ["over", ["surface", "over-soft", "ground"]],
  ["warn", ["surface", "warn-soft", "ground"]],
  ["better", ["surface", "ground"]],
  ["on-water", ["water"]],
];
const graphics: [string, string[]][] = [
  ["water", ["line2", "surface"]],
  ["warn-fill", ["surface"]],
  ["over-fill", ["surface"]],
  ["edge", ["surface"]],
  ["s2", ["surface"]],
  ["s4", ["surface"]],
  ["s5", ["surface"]],
];

it("has the same dark theme by choice and by system", () => expect(darks[0]).toEqual(darks[1]));

describe.each([
  ["light", light],
  ["dark", darks[0]!],
])("%s", (_, t) => {
  it.each(text.flatMap(([a, on]) => on.map((b) => [a, b] as const)))("text %s on %s", (a, b) => expect(contrast(t[a]!, t[b]!)).toBeGreaterThanOrEqual(4.5));
  it.each(graphics.flatMap(([a, on]) => on.map((b) => [a, b] as const)))("graphics %s on %s", (a, b) => expect(contrast(t[a]!, t[b]!)).toBeGreaterThanOrEqual(3));
});
