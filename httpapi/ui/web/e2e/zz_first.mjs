import { Server, close, launch, open } from "./harness.mjs";
const server = await new Server().start();
const browser = await launch();
await server.ask("PUT", "/v1/plans/pro", { name: "Pro", quotas: [{ slug: "api-monthly", meter: "api_calls", period: "month", limit: 11 }] });
await server.ask("PUT", "/v1/settings", { default_plan: "pro" });
const tenants = 10000;
for (let at = 0; at < 100000; at += 2000) {
  const events = [];
  for (let i = at; i < at + 2000; i++) events.push({ id: "e" + i, tenant_id: "t-" + String(i % tenants).padStart(5, "0"), user_id: "u" + (i % 97), feature_type: "api_calls", timestamp: new Date(Date.now() - Math.floor((1 - i / 100000) * 27 * 86400000) - 1000).toISOString() });
  await server.ask("POST", "/v1/events", { events });
}
console.log("filled");
for (const [name, path, ready] of [["Overview", "/", () => document.querySelector(".kpis .v") && document.querySelector("section table tbody tr") && performance.now()], ["Tenants", "/tenants", () => document.querySelectorAll(".vrow").length > 5 && performance.now()]]) {
  const page = await open(browser, server, "/docs");
  for (let i = 0; i < 3; i++) {
    await page.addInitScript(() => { window.__long = []; new PerformanceObserver((l) => l.getEntries().forEach((e) => window.__long.push([Math.round(e.startTime), Math.round(e.duration)]))).observe({ type: "longtask", buffered: true }); });
    await page.goto(server.base + path, { waitUntil: "commit" });
    const t = await page.waitForFunction(ready, undefined, { polling: "raf" }).then((h) => h.jsonValue());
    const info = await page.evaluate(() => ({ nav: (({ responseStart, responseEnd, domInteractive, domContentLoadedEventEnd }) => ({ responseStart, responseEnd, domInteractive, domContentLoadedEventEnd }))(performance.getEntriesByType("navigation")[0]), paint: performance.getEntriesByType("paint").map((p) => [p.name, Math.round(p.startTime)]), long: window.__long, res: performance.getEntriesByType("resource").map((r) => [r.name.replace(location.origin, "").slice(0, 70), Math.round(r.startTime), Math.round(r.responseStart), Math.round(r.responseEnd), r.transferSize]) }));
    console.log(name, i, Math.round(t), JSON.stringify(info.nav), JSON.stringify(info.paint), "long", JSON.stringify(info.long));
    if (i < 2) for (const r of info.res) console.log("   ", r.join(" "));
    await page.waitForTimeout(500);
  }
  await close(page);
}
await browser.close(); await server.end();
