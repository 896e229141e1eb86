import { expect, it } from "vitest";
import type { QuotaStatus } from "../api/types";
import { byUrgency, quotaWords, resets } from "./quota";

const now = Date.parse("2026-11-23T12:00:00Z");

function quota(q: Partial<QuotaStatus>): QuotaStatus {
  return {
    quota: "tokens-monthly", meter: "llm_tokens", scope: "tenant", user_id: null, mode: "enforce", period: "month", limit: 1000, used: 100, reserved: 0, remaining: 900, percentage: 10,
    overage_used: 0, exceeded: false, decision: "allow", reason: null, would: null, retry_after_ms: null, on_error: "closed", period_start: "2026-11-01T00:00:00Z", reset_at: "2026-12-01T00:00:00Z", ...q,
  };
}

it("says what comes next, the worst first", () => {
  const say = (q: Partial<QuotaStatus>, f?: object) => quotaWords(quota(q), "UTC", now, "token", f as never);
  expect(say({ limit: null, remaining: null, percentage: null })).toEqual({ text: "no limit", tone: "flat" });
  expect(say({ used: 1030, remaining: 0, percentage: 103, exceeded: true, decision: "overage", overage_used: 30 })).toEqual({ text: "over by 3 %", tone: "over" });
  expect(say({ used: 1004, remaining: 0, exceeded: true, decision: "overage" }).text).toBe("over by 4");
  expect(say({ limit: "900719925474099312", used: "900719925474099313", remaining: 0, exceeded: true, decision: "overage" }).text).toBe("over by 1");
  expect(say({ used: 1000, remaining: 0, percentage: 100 })).toEqual({ text: "nothing left", tone: "over" });
  expect(say({ used: 18, limit: 20, remaining: 2, percentage: 90, decision: "warn" })).toEqual({ text: "2 left", tone: "warn" });
  expect(say({}, { crosses_limit_at: "2026-11-25T08:00:00Z", projected_total: 1200 })).toEqual({ text: "crosses on 25 Nov", tone: "over" });
  expect(say({}, { crosses_limit_at: null, projected_total: 830 }).text).toBe("83 % at period end");
  expect(say({ used: 850, remaining: 150, percentage: 85, decision: "warn" })).toEqual({ text: "150 left", tone: "warn" });
  expect(say({ limit: 0, used: 0, remaining: 0, percentage: 100, decision: "block" }).text).toBe("not in the plan");
});

it("says when it starts anew", () => {
  expect(resets(quota({}), "UTC", now)).toBe("resets 1 Dec");
  expect(resets(quota({ reset_at: "2026-11-23T16:00:00Z" }), "UTC", now)).toBe("resets in 4 h");
  expect(resets(quota({ reset_at: null, period: "lifetime" }), "UTC", now)).toBe("never resets");
  expect(resets(quota({ reset_at: null, period: "sliding:1h" }), "UTC", now)).toBe("the last 1h");
});

it("orders by urgency", () => {
  const list = [quota({ quota: "trial", mode: "shadow", exceeded: true, percentage: 900 }), quota({ quota: "calm" }), quota({ quota: "near", decision: "warn", percentage: 85 }), quota({ quota: "over", exceeded: true, percentage: 103 })];
  expect(list.sort(byUrgency).map((q) => q.quota)).toEqual(["over", "near", "calm", "trial"]);
});
