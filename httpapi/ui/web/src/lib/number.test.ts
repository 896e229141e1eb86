import { describe, expect, it } from "vitest";
import { decimal, parse, stringify } from "../api/json";
import { add, amount, axis, change, exact, groupedText, percent, plural, short, subtract, withUnit } from "./number";

describe("exact", () => {
  it.each([
    [0, "0"],
    [999, "999"],
    [1000, "1,000"],
    [10301204, "10,301,204"],
    ["9007199254740993", "9,007,199,254,740,993"],
    ["-1234567.891", "−1,234,567.891"],
    ["0.000000001", "0.000000001"],
    [1e21, "1,000,000,000,000,000,000,000"],
    [null, "–"],
  ])("%s is %s", (n, want) => expect(exact(n)).toBe(want));
});

it("adds beyond what a double holds", () => {
  expect(add("9007199254740993", 1)).toBe("9007199254740994");
  expect(add("0.1", "0.2")).toBe("0.3");
  expect(add("1.005", "-1.005")).toBe("0");
  expect(subtract("100", "-0.5")).toBe("100.5");
  expect(subtract("1", "2.25")).toBe("-1.25");
});

it("reads and writes numbers that a double would round", () => {
  const text = '{"a":9007199254740993,"b":12,"c":"9007199254740993","d":"quote \\" 12345678901234567890","e":0.12345678901234567}';
  expect(parse(text)).toEqual({ a: "9007199254740993", b: 12, c: "9007199254740993", d: 'quote " 12345678901234567890', e: "0.12345678901234567" });
  expect(stringify({ limit: decimal("9,007,199,254,740,993"), name: "12" })).toBe('{"limit":9007199254740993,"name":"12"}');
  expect(decimal("ten")).toBeUndefined();
  expect(decimal("1e3")).toBeUndefined();
});

it("abbreviates for axes only", () => {
  expect([0, 999, 1000, 2500, 150000, 1e6, 4e6, 1.92e12].map(short)).toEqual(["0", "999", "1 k", "2.5 k", "150 k", "1 M", "4 M", "1.92 T"]);
  expect(axis(2e12, "byte")).toBe("2 TB");
  expect(axis(12, "byte")).toBe("12 B");
  expect(amount(1920000000000, "byte")).toBe("1.92 TB");
  expect(amount(10301204, "call")).toBe("10,301,204");
});

it("says long times in hours, and leaves ids in sentences alone", () => {
  expect(amount(455817.574, "second")).toBe("127 h");
  expect(amount(9000, "second")).toBe("2.5 h");
  expect(amount(600, "second")).toBe("600");
  expect([0, 1800, 3600, 1250 * 3600].map((v) => axis(v, "second"))).toEqual(["0", "30 min", "1 h", "1,250 h"]);
  expect(groupedText("302222461 of x passed 190000000 in 1 of 2; user-123456 and 0.123456 stay")).toBe("302,222,461 of x passed 190,000,000 in 1 of 2; user-123456 and 0.123456 stay");
});

it("says changes with a sign and never divides by nothing", () => {
  expect(change(144, 100)).toBe("+44 %");
  expect(change(88, 100)).toBe("−12 %");
  expect(change(100, 100)).toBe("±0 %");
  expect(change(5, 0)).toBe("new");
  expect(change(0, 0)).toBe("±0 %");
  expect(percent(1, 0)).toBe("–");
  expect(percent(1, 100000)).toBe("< 0.1 %");
  expect(percent(594, 1000)).toBe("59.4 %");
});

it("knows plurals", () => {
  expect(plural("call", 1)).toBe("call");
  expect(plural("entry", 2)).toBe("entries");
  expect(withUnit(1, "second")).toBe("1 second");
  expect(withUnit(2048, "byte")).toBe("2,048 B");
});
