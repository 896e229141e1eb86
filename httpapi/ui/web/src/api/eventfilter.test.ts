import { expect, it } from "vitest";
import type { EventRow } from "./events";
import { idPath, keeps, listPath, picks } from "./eventfilter";

const event = { id: "e1", tenant_id: "acme", user_id: "alice", source: "app", feature_type: "llm", meters: ["tokens"] } as EventRow;

it("asks the API for what it can tell apart, and picks the rest", () => {
  const list = (f: object, type?: string) => listPath(f, type === undefined ? undefined : { slug: "m", event_type: type, aggregation: "sum" }, "A", "B");
  expect(list({ tenant: "a b", user: "alice" })).toBe("v1/events?tenant_id=a+b&from=A&to=B");
  expect(list({ meter: "m" }, "llm")).toBe("v1/events?feature_type=llm&from=A&to=B");
  expect(list({ meter: "m" }, "*")).toBe("v1/events?from=A&to=B");
  expect(list({ meter: "m", feature: "other" }, "llm")).toBe("v1/events?feature_type=other&from=A&to=B");
  expect([{}, { tenant: "a", feature: "f" }, { user: "u" }, { id: "i" }, { meter: "m" }].map(picks)).toEqual([false, false, true, true, true]);
  expect([{ user: "alice" }, { user: "Alice" }, { id: "e1" }, { id: "e" }, { meter: "tokens" }, { meter: "calls" }, { source: "app" }].map((f) => keeps(f, event))).toEqual([true, false, true, false, true, false, true]);
});

it("finds an event by its whole name", () => {
  expect(idPath({ id: "a/b", tenant: "acme" })).toBe("v1/events/a%2Fb?tenant_id=acme");
  expect(idPath({ id: "e", tenant: "acme", source: "app" })).toBe("v1/events/e?tenant_id=acme&source=app");
  expect([{ id: "e" }, { tenant: "acme" }, { id: "..", tenant: "acme" }].map(idPath)).toEqual([null, null, null]);
});
