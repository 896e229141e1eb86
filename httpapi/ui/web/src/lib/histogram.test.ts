import { expect, it } from "vitest";
import { latency, quantile, since } from "./histogram";

const h = (counts: number[]) => ({ bounds_nanos: [100, 200, 400], counts, sum_nanos: 0 });

it("finds quantiles within buckets", () => {
  expect(quantile(h([0, 0, 0, 0]), 0.5)).toBeNull();
  expect(quantile(h([10, 0, 0, 0]), 0.5)).toBe(50);
  expect(quantile(h([10, 10, 0, 0]), 0.75)).toBe(150);
  expect(quantile(h([1, 1, 1, 1]), 1)).toBe(800);
});

it("takes what was added, or all after a restart", () => {
  expect(since(h([1, 2, 3, 4]), h([1, 3, 3, 9])).counts).toEqual([0, 1, 0, 5]);
  expect(since(h([5, 0, 0, 0]), h([1, 0, 0, 0])).counts).toEqual([1, 0, 0, 0]);
  expect(since(undefined, h([1, 0, 0, 0])).counts).toEqual([1, 0, 0, 0]);
});

it("says times", () => {
  expect([150_000, 12_340_000, 123_000_000, 1_200_000_000].map(latency)).toEqual(["0.15 ms", "12.3 ms", "123 ms", "1.2 s"]);
});
