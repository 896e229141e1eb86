import { expect, it } from "vitest";
import { parse, stringify } from "../api/json";
import type { Plan } from "../api/types";
import { draftOf, planBody, wrong } from "./plandraft";

// What is opened in the editor and saved untouched is the same plan: also the fields that have no box, and digits beyond a double.
it("keeps everything that it does not show", () => {
  const text =
    '{"slug":"pro","name":"Pro","billing_period":"month","currency":"EUR","quotas":[' +
    '{"slug":"a","meter":"m","scope":"tenant","mode":"enforce","period":"month","limit":9007199254740993,"overage":"unlimited","grace_period":"1d","warn_at":0.825,"throttle_at":null,"max_delay":"1s","warning_thresholds":[50],"on_error":"open"},' +
    '{"slug":"b","meter":"m","scope":"user","mode":"shadow","period":{"sliding":"1h"},"limit":null,"warn_at":null,"throttle_at":null,"max_delay":"1s","warning_thresholds":[],"on_error":"closed"},' +
    '{"slug":"c","meter":"m","scope":"tenant","mode":"enforce","rate":{"limit":10,"per":"1s","burst":20},"on_error":"closed"}],' +
    '"version":3,"tenants":2,"created_at":"2026-11-01T00:00:00Z"}';
  const plan = parse(text) as Plan;
  const { version: _v, tenants: _t, created_at: _c, slug: _s, ...want } = parse(text) as Record<string, unknown>;
  expect(parse(stringify(planBody(draftOf(plan))))).toEqual(want);
});

it("says what is wrong before it is sent", () => {
  const q = draftOf({ slug: "p", quotas: [{ slug: "a", meter: "m", period: "month", limit: 1 }] }).quotas[0]!;
  expect(wrong(q)).toBeUndefined();
  expect(wrong({ ...q, slug: "A b" })).toContain("slug");
  expect(wrong({ ...q, limit: "many" })).toContain("limit");
  expect(wrong({ ...q, kind: "sliding", length: "an hour" })).toContain("length");
  expect(wrong({ ...q, overage: "some" })).toContain("overage");
});
