// What a tenant's page tells on real data: the forecast with its band, what is projected beyond the limit, a recommendation; a number
// explained down to its events, a denial explained; an event taken back.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible, close, fits, open, settled } from "./harness.mjs";

const grouped = (n) => Number(n).toLocaleString("en-US");

export function storyTests(env) {
  const { server } = env;
  const visit = (path, options) => open(env.browser, server, path, options);
  const button = (on, name) => on.getByRole("button", { name, exact: true });
  const used = async (tenant, quota) => (await server.ask("GET", `/v1/tenants/${tenant}/quotas`)).data.find((q) => q.quota === quota).used;

  test("the forecast, its band and what is projected beyond the limit", async () => {
    // A limit between what is used now and what the forecast says will be: the forecast crosses it.
    const f = await server.ask("GET", "/v1/tenants/hooli/forecast?meter=api_calls");
    assert.notEqual(f.confidence, "none", "the seed is enough for a forecast");
    assert.ok(f.projected_total > f.used + 20 && f.series.length > 1 && f.series[0].band.length === 2, JSON.stringify(f).slice(0, 300));
    const limit = Math.round((f.used + f.projected_total) / 2);
    await server.ask("PUT", "/v1/tenants/hooli/quotas/api-billed", { limit });
    const page = await visit("/tenants/hooli");
    await settled(page);
    const card = page.getByRole("button", { name: /^api-billed/ });
    assert.match(await card.innerText(), /crosses on \d+ \w+\s+about [\d.]+( k)? over/);
    const spill = (await server.ask("GET", "/v1/tenants/hooli/forecast?meter=api_calls")).likely_overage;
    const shown = Number(/^about ([\d,]+) calls beyond the limit/.exec(await card.locator(".line").getAttribute("title"))[1].replaceAll(",", ""));
    assert.ok(shown > 0 && Math.abs(shown - spill) <= Math.max(2, spill / 20), `${shown} is shown, ${spill} is projected`);
    const chart = page.getByRole("img", { name: /^API calls: .* used by .*forecast [\d,]+$/ });
    await chart.waitFor();
    for (const part of ["path.band", "path.forecast"]) {
      const box = await chart.locator(part).boundingBox();
      assert.ok(box && box.width > 20 && box.height > 4, part + " is drawn: " + JSON.stringify(box));
    }
    await close(page);
  });

  test("a recommendation from past periods", async () => {
    const { data } = await server.ask("GET", "/v1/tenants/acme/recommendations");
    const driver = data.find((r) => r.kind === "cost_driver");
    assert.ok(driver, "the seed has a cost driver: " + JSON.stringify(data));
    const page = await visit("/tenants/acme");
    const advice = page.getByRole("region", { name: "Recommendations" });
    await advice.getByText("What drives the usage").first().waitFor();
    await advice.getByText(driver.reason, { exact: true }).waitFor();
    await close(page);
  });

  test("explain a number down to its events, with the keyboard", async () => {
    const page = await visit("/tenants/globex");
    await settled(page);
    const open = page.getByRole("button", { name: "Explain the figure of api-monthly" });
    await open.focus();
    await page.keyboard.press("Enter");
    const panel = page.getByRole("region", { name: "Where does this number come from?" });
    await panel.getByText("Limit in force").waitFor();
    assert.ok(await panel.evaluate((el) => el === document.activeElement), "the focus is in the panel");
    const text = await panel.innerText();
    const total = await used("globex", "api-monthly");
    assert.ok(text.includes(`= ${grouped(total)} calls`), text.slice(0, 200));
    assert.match(text, /Question[\s\S]+parts?[\s\S]+Events behind it[\s\S]+events counted[\s\S]+Limit in force[\s\S]+pro v1[\s\S]+% of 20,000/i);
    await accessible(page, "explain a number");
    // A part of it is a number of its own: deeper, then back.
    const address = page.url();
    const part = panel.getByRole("button", { name: /^Explain \d/ }).first();
    const day = (await part.innerText()).trim();
    await part.click();
    await page.waitForURL((u) => u.href !== address);
    await panel.getByText("Question").waitFor();
    await panel.getByText(day.split(",")[0]).first().waitFor();
    await page.goBack();
    await panel.getByText(`= ${grouped(total)} calls`).waitFor();
    // An event behind it opens as an event.
    await panel.locator(".evidence a").first().click();
    const event = page.getByRole("dialog");
    await event.getByText("counted", { exact: true }).waitFor();
    await event.getByText(/counts [\d,]+ calls?/).waitFor();
    await page.goBack();
    await panel.getByText("Question").waitFor();
    await page.keyboard.press("Escape");
    await panel.waitFor({ state: "detached" });
    await close(page);
  });

  test("Escape closes the explanation and gives the focus back", async () => {
    const page = await visit("/tenants/globex");
    await settled(page);
    const why = page.getByRole("button", { name: "Explain the figure of api-monthly" });
    await why.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("region", { name: "Where does this number come from?" }).getByText("Limit in force").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("region", { name: "Where does this number come from?" }).waitFor({ state: "detached" });
    assert.ok(await why.evaluate((el) => el === document.activeElement), "the focus is where it was");
    await close(page);
  });

  test("why it was denied, on a phone too", async () => {
    for (const width of [1280, 360]) {
      const page = await visit("/tenants/acme", { width });
      await settled(page);
      await button(page, "Why was denied-1 denied?").click();
      const panel = page.getByRole(width === 360 ? "dialog" : "region", { name: "Why this decision?" });
      await panel.getByText("block · quota_exceeded · nothing counted").waitFor();
      await panel.getByText(/events? counted/).waitFor();
      const text = await panel.innerText();
      assert.match(text, /consume 900,000 llm\n/);
      assert.match(text, /id denied-1, user user-2/);
      assert.match(text, /Pro v1\ntokens-monthly 1,000,000 a month\n\+ overage 100,000\nno override/);
      assert.match(text, /\d,\d{3},\d{3} \+ 900,000 > 1,100,000\nbeyond the limit and its overage: block/);
      await fits(page, "explain");
      await accessible(page, "explain a denial at " + width);
      await button(panel, "Close").click();
      await panel.waitFor({ state: "detached" });
      await close(page);
    }
  });

  test("an event is taken back: asked first, with a reason, and the number falls", async () => {
    await server.ask("POST", "/v1/events", { id: "to-void", tenant_id: "stark", user_id: "tony", feature_type: "api_calls", quantity: 40 });
    const before = await used("stark", "api-monthly");
    const watcher = await visit("/tenants/stark");
    await settled(watcher);
    const figure = (n) => watcher.getByRole("button", { name: /^api-monthly/ }).getByText(grouped(n), { exact: true });
    await figure(before).waitFor();
    const page = await visit("/events?tenant=stark");
    await page.getByRole("row", { name: /to-void/ }).getByRole("button").click();
    const panel = page.getByRole("dialog", { name: "api_calls" });
    await panel.getByText("counts 40 calls").waitFor();
    await button(panel, "Void").click();
    const ask = page.getByRole("dialog", { name: "Void this event?" });
    assert.ok(await button(ask, "Void event").isDisabled(), "a reason is needed");
    await button(ask, "Cancel").click();
    assert.equal(await used("stark", "api-monthly"), before, "nothing was done yet");
    await button(panel, "Void").click();
    await ask.getByLabel("Reason").fill("sent twice by hand");
    await button(ask, "Void event").click();
    await ask.waitFor({ state: "detached" });
    await panel.getByText("voided: taken out of all totals").waitFor();
    await panel.getByText(/sent twice by hand/).first().waitFor();
    assert.equal(await used("stark", "api-monthly"), before - 40);
    await figure(before - 40).waitFor({ timeout: 8_000 });
    await watcher.reload();
    await watcher.getByRole("region", { name: "Audit" }).getByText("tenant/stark/to-void").waitFor();
    await close(watcher);
    await close(page);
  });

  test("events by user, by id and by meter, in the address of the page", async () => {
    const record = (event) => server.ask("POST", "/v1/events", { tenant_id: "stark", ...event });
    const old = new Date(Date.now() - 20 * 86_400_000).toISOString();
    await record({ id: "needle", source: "app", user_id: "pepper", feature_type: "seats", quantity: 3 });
    await record({ id: "needle", user_id: "happy", feature_type: "api_calls", timestamp: old });
    const page = await visit("/events");
    const filters = page.getByRole("search", { name: "Filter events" });
    const field = (name) => filters.getByLabel(name, { exact: true });
    const ids = async (n) => {
      await page.waitForFunction((n) => document.querySelectorAll("tbody tr").length === n, n);
      return (await page.locator("tbody tr").allInnerTexts()).map((t) => t.replaceAll(/\s+/g, " "));
    };
    await field("User").pressSequentially("pepper");
    assert.match((await ids(1))[0], /stark seats 3 pepper needle/);
    await page.getByText(/^1 of [\d,]+ events? back to .*, which is all of the range\.$/).waitFor();
    await field("Counted by").selectOption("seats");
    await page.waitForURL((u) => u.search === "?user=pepper&meter=seats");
    const other = await visit("/events?user=pepper&meter=seats"); // the link shows the same
    assert.equal(await other.getByRole("search").getByLabel("User").inputValue(), "pepper");
    await other.getByRole("row", { name: /needle/ }).waitFor();
    await close(other);
    await field("Counted by").selectOption("api_calls");
    await page.getByText("No such event in this range").waitFor();
    await button(page, "Take the filters away").click();
    assert.equal(await field("User").inputValue(), "");

    // By id: without a tenant in the range, with one whatever the time; the source is a part of the name.
    await field("Id").fill("needle");
    assert.match((await ids(1))[0], /pepper/);
    await field("Tenant").fill("stark");
    await page.getByText("Found by its id, whatever its time.").waitFor();
    assert.match((await ids(1))[0], /happy/);
    await field("Source").fill("app");
    await page.getByRole("row", { name: /pepper/ }).waitFor();
    await accessible(page, "filters of events");
    await page.getByRole("row", { name: /pepper/ }).getByRole("button").click();
    await page.getByRole("dialog").getByRole("link", { name: "pepper" }).click();
    await page.waitForURL((u) => u.search === "?tenant=stark&user=pepper");
    await page.setViewportSize({ width: 360, height: 800 });
    await fits(page, "filters of events");
    await close(page);
  });

  test("why an event counts in one meter and not in another", async () => {
    await server.ask("PUT", "/v1/meters/slow_calls", { name: "Slow calls", event_type: "api_calls", aggregation: "count", filters: { property: "metadata.ms", op: "gt", value: 1000 } });
    await server.ask("POST", "/v1/events", { id: "quick", tenant_id: "stark", feature_type: "api_calls", metadata: { ms: 12 } });
    const page = await visit("/events?" + new URLSearchParams({ tenant: "stark", event: "stark\n\nquick" }));
    const why = page.getByRole("region", { name: "Why it counted" });
    await why.getByText("slow_calls").waitFor();
    const text = await why.innerText();
    assert.match(text, /api_calls\n\s*counts 1 call/);
    assert.match(text, /slow_calls\n\s*does not count it: .*filter/);
    await close(page);
  });
}
