import { expect, it } from "vitest";
import type { QuotaStatus, QuotaTerms } from "../api/types";
import { quotaWords } from "../lib/quota";
import { hero, inBrief, notice, outlook, paces, type Case } from "./words";

const now = Date.parse("2026-11-23T12:00:00Z");

function of(q: Partial<QuotaStatus>, t: Partial<QuotaTerms> = {}): Case {
  const used = Number(q.used ?? 100);
  return {
    quota: {
      quota: "calls", meter: "api_calls", scope: "tenant", user_id: null, mode: "enforce", period: "month", limit: 1000, used, reserved: 0, remaining: Math.max(0, 1000 - used), percentage: used / 10,
      overage_used: Math.max(0, used - 1000), exceeded: used > 1000, decision: used > 1000 ? "overage" : "allow", reason: null, would: null, retry_after_ms: null, on_error: "closed",
      period_start: "2026-11-01T00:00:00Z", reset_at: "2026-12-01T00:00:00Z", ...q,
    },
    terms: { quota: "calls", meter_name: "API calls", unit: "call", aggregation: "sum", overage: 0, grace_period: null, grace_ends_at: null, throttle_at: null, rate: null, ...t },
    zone: "UTC",
    now,
  };
}
const say = (c: Case) => [hero(c).value + " " + hero(c).rest, outlook(c), notice(c)?.text ?? null];

it("says what comes at the limit while it is not reached", () => {
  expect(say(of({}))).toEqual(["900 of 1,000 calls", "At the limit requests stop until 1 December.", null]);
  expect(say(of({}, { overage: 200 }))).toEqual(["900 of 1,000 calls", "Beyond the limit 200 calls more are allowed, then requests stop until 1 December.", null]);
  expect(outlook(of({}, { overage: 200, grace_period: "3d" }))).toBe("Beyond the limit 200 calls more are allowed within 3 days, then requests stop until 1 December.");
  expect(outlook(of({}, { overage: "unlimited", grace_period: "12h" }))).toBe("Beyond the limit it goes on for 12 hours, then requests stop until 1 December.");
  expect(outlook(of({}, { overage: "unlimited" }))).toBe("Beyond the limit nothing stops: it counts as overage.");
  expect(outlook(of({}, { overage: 200, grace_period: "0s" }))).toBe("At the limit requests stop until 1 December.");
  expect(outlook(of({}, { throttle_at: 0.905 }))).toBe("From 90.5 % on requests are slowed down, so that the rest lasts. At the limit requests stop until 1 December.");
  expect(outlook(of({ period: "lifetime", reset_at: null }, { aggregation: "latest" }))).toBe("At the limit no more can be added.");
  expect(outlook(of({ period: "sliding:1h" }))).toBe("At the limit requests stop until some of it is long enough ago.");
  expect(outlook(of({ limit: null, remaining: null }))).toBeNull();
});

it("says how much and how long it goes on beyond the limit", () => {
  expect(say(of({ used: 1050 }, { overage: 200 }))).toEqual(["150 of overage, then requests stop", null, "API calls passed the limit of 1,000 calls. 150 of 200 calls of overage are left, then requests stop until 1 December."]);
  expect(notice(of({ used: 1200 }, { overage: 200 }))!.text).toBe("API calls passed the limit of 1,000 calls. All 200 calls of overage are used: requests are refused until 1 December.");
  expect(say(of({ used: 1050 }, { overage: "unlimited" }))).toEqual(["50 and counting as overage", null, "API calls passed the limit of 1,000 calls. It counts as overage, and starts anew on 1 December."]);
  const grace = { overage: "unlimited" as const, grace_period: "3d", grace_ends_at: "2026-11-24T09:30:00Z" };
  expect(notice(of({ used: 1050 }, grace))!.text).toBe("API calls passed the limit of 1,000 calls. Requests go on until 24 November at 09:30; then they stop until 1 December.");
  expect(notice(of({ used: 1050 }, { ...grace, overage: 200 }))!.text).toBe("API calls passed the limit of 1,000 calls. Requests go on until 24 November at 09:30, or until 150 calls more are used; then they stop until 1 December.");
  // A period that ends first gives everything back before the grace is over.
  expect(notice(of({ used: 1050 }, { ...grace, grace_ends_at: "2026-12-02T00:00:00Z" }))!.text).toBe("API calls passed the limit of 1,000 calls. It counts as overage, and starts anew on 1 December.");
  expect(notice(of({ used: 950, reserved: 100, remaining: 0, decision: "overage" }, { overage: 200 }))!.text).toBe("API calls passed the limit of 1,000 calls with what is reserved. 150 of 200 calls of overage are left, then requests stop until 1 December.");
});

it("says why it stopped, and until when", () => {
  expect(say(of({ used: 1050, decision: "block", reason: "grace_expired" }, { overage: 200, grace_period: "1h30m", grace_ends_at: "2026-11-20T09:30:00Z" }))).toEqual([
    "0 requests are refused", null, "API calls passed the limit of 1,000 calls, and the 1 hour 30 minutes beyond it ended on 20 November. Requests are refused until 1 December.",
  ]);
  expect(notice(of({ used: 1300, decision: "block", reason: "quota_exceeded" }, { overage: 200 }))!.text).toBe("API calls passed the limit of 1,000 calls and the 200 calls of overage. Requests are refused until 1 December.");
  expect(say(of({ used: 1000, percentage: 100 }))).toEqual(["0 requests stop here", "At the limit requests stop until 1 December.", "API calls: nothing is left until 1 December."]);
  expect(say(of({ limit: 0, used: 0, remaining: 0 }))).toEqual(["0 not in your plan", null, null]);
});

it("says that it is slowed down, before a forecast", () => {
  const c = of({ used: 950, decision: "throttle" }, { throttle_at: 0.9 });
  expect(notice(c, { quota: "calls", crosses_limit_at: "2026-11-25T00:00:00Z" } as never)).toEqual({ text: "Requests are slowed down, so that what is left of API calls lasts until 1 December.", tone: "warn" });
  expect(quotaWords(c.quota, "UTC", now, "call")).toEqual({ text: "50 left, slowed down", tone: "warn" });
  expect(paces([{ ...c.terms!, rate: { limit: 50, per: "1s", burst: 60 } }], [c.quota])).toEqual(["No more than 50 calls a second, 60 at once."]);
});

it("keeps it brief on a card, and every digit", () => {
  const c = of({ used: 1050 }, { overage: 200, grace_ends_at: "2026-11-24T09:30:00Z" });
  expect(inBrief(c, quotaWords(c.quota, "UTC", now, "call")).text).toBe("over by 5 %, 150 more allowed until 24 Nov");
  expect(hero(of({ limit: "900719925474099312", used: "900719925474099313", exceeded: true, decision: "overage" }, { overage: "900719925474099300" })).value).toBe("900,719,925,474,099,299");
});
