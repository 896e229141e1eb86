import { describe, expect, it } from "vitest";
import { before, iso, spanOf } from "./range";
import { civil, instant, span, startOfMonth, until } from "./time";
import { beforeOf, crossingOf } from "../chart/period";
import { timeTicks, niceAxis } from "../chart/scale";

describe("civil time", () => {
  it("goes there and back in zones with odd offsets and shifts", () => {
    for (const zone of ["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]) {
      for (let m = 1; m <= 12; m++) {
        const t = instant(zone, 2026, m, 17, 13, 45);
        expect(civil(t, zone)).toEqual({ year: 2026, month: m, day: 17, hour: 13, minute: 45, second: 0 });
      }
    }
  });
  it("takes the first valid instant of a gap and the first of a fold", () => {
    expect(iso(instant("America/New_York", 2026, 3, 8, 2, 30))).toBe("2026-03-08T07:30:00Z");
    expect(iso(instant("America/New_York", 2026, 11, 1, 1, 30))).toBe("2026-11-01T05:30:00Z");
  });
  it("rolls months over", () => {
    expect(iso(startOfMonth(Date.UTC(2026, 0, 15), "UTC", -1))).toBe("2025-12-01T00:00:00Z");
  });
});

it("ranges lie on window edges and the open window is inside", () => {
  const now = Date.UTC(2026, 10, 26, 9, 7, 3);
  for (const name of ["1h", "24h", "3d", "30d", "period"] as const) {
    const s = spanOf(name, now, "Europe/Berlin");
    expect(s.to).toBeGreaterThan(now);
    expect(s.from).toBeLessThan(now);
    expect(spanOf(name, now + 1000, "Europe/Berlin")).toEqual(s);
    expect(before(name, s, "Europe/Berlin").to).toBe(s.from);
  }
  expect(iso(spanOf("last", now, "UTC").from)).toBe("2026-10-01T00:00:00Z");
});

it("says periods and waits", () => {
  expect(span("2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z", "America/New_York")).toBe("1–30 Nov");
  expect(span("2026-10-26T00:00:00Z", "2026-11-26T00:00:00Z", "UTC")).toBe("26 Oct – 25 Nov");
  expect(until(4 * 3_600_000, 0)).toBe("4 h");
});

it("labels axes at round places", () => {
  expect(niceAxis(14.6e6)).toEqual({ top: 15e6, step: 5e6 });
  expect(niceAxis(0)).toEqual({ top: 1, step: 1 });
  const t = timeTicks(Date.UTC(2026, 10, 1), Date.UTC(2026, 11, 1), "UTC", 7);
  expect(t.map((x) => x.label)).toEqual(["1 Nov", "6 Nov", "11 Nov", "16 Nov", "21 Nov", "26 Nov", "1 Dec"]);
});

it("knows the period before, of months of any length", () => {
  const at = (text: string) => Date.parse(text);
  expect(beforeOf("billing", at("2026-11-06T05:00:00Z"), at("2026-12-06T05:00:00Z"), "America/New_York")).toBe(at("2026-10-06T04:00:00Z"));
  expect(beforeOf("month", at("2026-03-31T00:00:00Z"), at("2026-04-30T00:00:00Z"), "UTC")).toBe(at("2026-02-28T00:00:00Z"));
  expect(beforeOf("day", at("2026-03-02T00:00:00Z"), at("2026-03-03T00:00:00Z"), "UTC")).toBe(at("2026-03-01T00:00:00Z"));
});

it("marks the crossing on the line, to the minute only when the log saw it there", () => {
  const used = [[0, 0], [10, 60], [20, 140], [30, 150]] as const;
  expect(crossingOf(used, 100, 17)).toEqual({ at: 17, exact: true });
  expect(crossingOf(used, 100, 29)).toEqual({ at: 15, exact: false });
  expect(crossingOf(used, 100)).toEqual({ at: 15, exact: false });
  expect(crossingOf(used, 200)).toBeNull();
});
