// A store with something of everything: plans, tenants near and over their limits, a month and a half of history, denials, and names that
// are meant to break pages.

const day = 86_400_000;

export const hostile = [
  { id: "html<img src=x onerror=alert(1)>", name: "<script>alert('name')</script><b>bold</b>" },
  { id: "rtl", name: "شركة المثال للاختبار" },
  { id: "emoji 🦫/✨?#%", name: "Beaver 🦫 & Sons ✨" },
  { id: "L".repeat(128), name: "Long".repeat(31) },
];

export async function seed(server) {
  const put = (path, body) => server.ask("PUT", path, body);
  const meter = { name: "LLM tokens", event_type: "llm", aggregation: "sum", scale: 0, unit: "token", dimensions: ["metadata.model"] };
  await put("/v1/meters/llm_tokens_ui", meter);
  const month = (slug, meter, limit, more) => ({ slug, meter, period: "month", limit, ...more });
  await put("/v1/plans/pro", {
    name: "Pro",
    quotas: [month("tokens-monthly", "llm_tokens_ui", 1_000_000, { overage: 100_000 }), month("api-monthly", "api_calls", 20_000), month("transfer-monthly", "data_transfer", 2_000_000_000_000), { slug: "seats", meter: "seats", period: "lifetime", limit: 20 }],
  });
  await put("/v1/plans/free", { name: "Free", quotas: [month("api-monthly", "api_calls", 1000)] });
  await put("/v1/tenants/acme", { name: "Acme Inc", plan: "pro", time_zone: "America/New_York" });
  await put("/v1/tenants/globex", { name: "Globex", plan: "pro", time_zone: "Europe/Berlin" });
  await put("/v1/tenants/stark", { name: "Stark Labs", plan: "free" });
  // Whatever the day of the month, this one is in the middle of its billing period: there is something to forecast.
  const anchor = new Date(Math.floor((Date.now() - 15 * day) / day) * day).toISOString();
  await put("/v1/plans/billed", { name: "Billed", quotas: [{ slug: "api-billed", meter: "api_calls", period: "billing", limit: 1_000_000 }] });
  await put("/v1/tenants/hooli", { name: "Hooli", plan: "billed", billing_anchor: anchor });
  for (const t of hostile) await put("/v1/tenants/" + encodeURIComponent(t.id), { name: t.name, plan: "free" });

  const now = Date.now();
  const events = []; // so few that a whole month of them is over no limit of a plan
  // 33 days: some lie in a month that is over, whatever the day is.
  const at = (ms) => new Date(Math.min(ms, now - 1000)).toISOString();
  for (let d = 33; d >= 0; d--) {
    for (let k = 0; k < 8; k++) {
      const t = now - d * day - k * 2_700_000;
      const id = `seed-${d}-${k}`;
      const weight = 1 + 0.4 * Math.sin(d) + 0.1 * k;
      events.push({ id, tenant_id: "acme", user_id: "user-" + (k % 5), feature_type: "llm", quantity: Math.round(5600 * weight), timestamp: at(t), metadata: { model: ["large-3", "small-3", "embed-2"][k % 3] } });
      events.push({ id: id + "a", tenant_id: "acme", user_id: "user-" + (k % 7), feature_type: "api_calls", quantity: Math.round(55 * weight), timestamp: at(t) });
      events.push({ id: id + "g", tenant_id: "globex", user_id: "user-" + k, feature_type: "api_calls", quantity: Math.round(30 * weight), timestamp: at(t) });
      events.push({ id: id + "h", tenant_id: "hooli", user_id: "user-" + (k % 3), feature_type: "api_calls", quantity: Math.round(40 * weight), timestamp: at(t) });
      events.push({ id: id + "d", tenant_id: "globex", user_id: "user-" + k, feature_type: "data_transfer", quantity: Math.round(5.5e9 * weight), timestamp: at(t) });
    }
  }
  events.push({ id: "seats", tenant_id: "acme", feature_type: "seats", quantity: 18 });
  for (const [i, t] of hostile.entries()) events.push({ id: "h" + i, tenant_id: t.id, user_id: "<u>" + i, feature_type: "api_calls", quantity: 950 });
  await server.ask("POST", "/v1/events", { events });
  // Over on tokens, whatever day of the month it is.
  const { data } = await server.ask("GET", "/v1/tenants/acme/quotas");
  const tokens = data.find((q) => q.quota === "tokens-monthly");
  if (tokens.used < 1_030_000) await server.ask("POST", "/v1/events", { id: "over", tenant_id: "acme", user_id: "user-1", feature_type: "llm", quantity: 1_030_000 - tokens.used, metadata: { model: "large-3" } });
  for (let i = 0; i < 3; i++) await server.ask("POST", "/v1/consume", { id: "denied-" + i, tenant_id: "acme", user_id: "user-2", feature_type: "llm", quantity: 900_000 });
}
