// Every form, filled in by its labels and checked against the API.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible, close, fits, open, settled } from "./harness.mjs";

export function formTests(env) {
  const { server } = env;
  const visit = (path) => open(env.browser, server, path);
  const button = (page, name) => page.getByRole("button", { name, exact: true });

  test("create a meter and test it on an event", async () => {
    const page = await visit("/meters");
    await button(page, "New meter").click();
    await page.getByLabel("Slug", { exact: true }).fill("images");
    await page.getByLabel("Unit", { exact: true }).fill("image");
    await page.getByLabel("Dimensions").fill("metadata.size");
    await button(page, "Create meter").click();
    await page.getByRole("heading", { name: "images" }).waitFor();
    const meter = await server.ask("GET", "/v1/meters/images");
    assert.deepEqual([meter.aggregation, meter.unit, meter.dimensions], ["sum", "image", ["metadata.size"]]);
    await button(page, "Test an event").click();
    await button(page, "Run the test").click();
    await page.getByText("counts 1 image").waitFor();
    await close(page);
  });

  test("a wrong meter names the field", async () => {
    const page = await visit("/meters?new=1");
    await page.getByLabel("Slug", { exact: true }).fill("api_calls");
    await button(page, "Create meter").click();
    await page.getByRole("alert").waitFor(); // it exists: 412
    await close(page);
  });

  test("a plan says who would be over before it is saved", async () => {
    const page = await visit("/plans?edit=pro");
    const tokens = page.getByRole("group", { name: "tokens-monthly" });
    await tokens.getByLabel("Limit", { exact: true }).fill("500,000");
    await button(page, "See what changes").click();
    const answer = page.getByText("1 tenant would be over now");
    await answer.waitFor();
    const [box, save] = [await answer.boundingBox(), await button(page, "Save version 2").boundingBox()];
    assert.ok(box.y > 0 && box.y + box.height <= save.y, "the answer is in sight, above the buttons");
    assert.equal((await server.ask("GET", "/v1/plans/pro")).version, 1, "nothing was saved yet");
    await button(page, "Save version 2").click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const plan = await server.ask("GET", "/v1/plans/pro");
    assert.deepEqual([plan.version, plan.quotas.find((q) => q.slug === "tokens-monthly").limit, plan.quotas.length], [2, 500_000, 4]);
    assert.equal((await server.ask("GET", "/v1/tenants/acme")).plan_version, 1, "a new version moves nobody");
    await close(page);
  });

  test("create a plan with a rate", async () => {
    const page = await visit("/plans");
    await button(page, "New plan").click();
    const form = page.getByRole("dialog");
    await form.getByLabel("Slug", { exact: true }).first().fill("burst");
    const quota = form.getByRole("group");
    await quota.getByLabel("Slug", { exact: true }).fill("api-rate");
    await quota.getByLabel("Meter").selectOption("api_calls");
    await quota.getByLabel("Period").selectOption("rate");
    await quota.getByLabel("Per", { exact: true }).fill("1s");
    await quota.getByLabel("Limit", { exact: true }).fill("50");
    await button(page, "See what changes").click();
    await page.getByText("No tenant is on this plan yet.").waitFor();
    await button(page, "Create plan").click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.equal((await server.ask("GET", "/v1/plans/burst")).quotas[0].rate.limit, 50);
    await close(page);
  });

  test("create a tenant, change its plan, override a limit and take it back", async () => {
    const page = await visit("/tenants");
    await button(page, "New tenant").click();
    await page.getByLabel("Id", { exact: true }).fill("wayne");
    await page.getByLabel("Name", { exact: true }).fill("Wayne Corp");
    await page.getByRole("dialog").getByLabel("Plan", { exact: true }).selectOption("free");
    await button(page, "Create tenant").click();
    await page.getByRole("heading", { level: 1, name: "Wayne Corp" }).waitFor();

    await button(page, "Change plan").click();
    const form = page.getByRole("dialog");
    await form.getByLabel("Plan", { exact: true }).selectOption("pro");
    await form.getByRole("button", { name: "Change plan" }).click();
    await form.waitFor({ state: "detached" });
    assert.equal((await server.ask("GET", "/v1/tenants/wayne")).plan, "pro");

    await settled(page);
    await page.getByRole("region", { name: "Overrides" }).getByRole("button", { name: "Add" }).click();
    await page.getByRole("dialog").getByLabel("Quota", { exact: true }).selectOption("api-monthly");
    await page.getByRole("dialog").getByLabel("Limit", { exact: true }).fill("9,007,199,254,740,993");
    await button(page, "Save override").click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const raw = await fetch(server.base + "/v1/tenants/wayne", { headers: { Authorization: "Bearer " + server.key } }).then((r) => r.text());
    assert.match(raw, /"limit":9007199254740993/, "every digit arrives");
    await page.getByText("limit 9,007,199,254,740,993").waitFor();

    await button(page, "Remove").click();
    await button(page, "Remove override").click();
    await page.getByText("The limits are those of the plan.").waitFor();
    assert.deepEqual((await server.ask("GET", "/v1/tenants/wayne")).overrides, []);
    await close(page);
  });

  test("the billing anchor of a tenant, in its zone, and when another one holds", async () => {
    const page = await visit("/tenants?new=1");
    await page.getByLabel("Id", { exact: true }).fill("anchored");
    await page.getByLabel("Time zone").fill("America/New_York");
    await page.getByLabel("Billing anchor").fill("2026-01-31T09:30");
    await button(page, "Create tenant").click();
    await page.getByRole("heading", { level: 1, name: "anchored" }).waitFor();
    const anchor = async () => (await server.ask("GET", "/v1/tenants/anchored")).billing_anchor;
    assert.equal(await anchor(), "2026-01-31T14:30:00Z");

    await button(page, "Edit").click();
    const form = page.getByRole("dialog");
    assert.equal(await form.getByLabel("Billing anchor").inputValue(), "2026-01-31T09:30");
    await form.getByLabel("Time zone").fill("Europe/Nowhere");
    await form.getByText("A name of the tz database, such as Europe/Berlin").waitFor();
    await form.getByLabel("Time zone").fill("Europe/Berlin");
    await form.getByText(/^Nothing that is open changes: billing periods follow from the end of this one, \d+ \w+, \d\d:30 in America\/New_York/).waitFor();
    await accessible(page, "the tenant's form");
    await button(form, "Save").click();
    await form.waitFor({ state: "detached" });
    assert.equal(await anchor(), "2026-01-31T08:30:00Z", "the same hour of the new zone");
    await button(page, "Edit").click();
    await form.getByLabel("Billing anchor").fill("");
    await button(form, "Save").click();
    await form.waitFor({ state: "detached" });
    assert.equal(await anchor(), null);
    await close(page);
  });

  test("what somebody else changes while a form is open is not undone", async () => {
    const raw = (method, path, body) => fetch(server.base + path, { method, body, headers: { Authorization: "Bearer " + server.key, "Content-Type": "application/json" } }).then((r) => r.text());
    await raw("PUT", "/v1/tenants/shared", '{"name":"Shared","metadata":{"account":900719925474099313}}');
    const page = await visit("/tenants/shared");
    await button(page, "Edit").click();
    const form = page.getByRole("dialog");
    await form.getByLabel("Name", { exact: true }).fill("Shared, renamed");
    await page.waitForTimeout(300);
    await raw("PUT", "/v1/tenants/shared", '{"name":"Shared","stripe_customer_id":"cus_9","metadata":{"account":900719925474099315}}');
    await button(form, "Save").click();
    await form.getByRole("alert").getByText("Somebody else has changed this tenant").waitFor();
    assert.match(await raw("GET", "/v1/tenants/shared"), /"name":"Shared"/, "nothing was saved");
    await button(form, "Take in what is new").click();
    await page.waitForFunction(() => [...document.querySelectorAll("dialog input")].some((i) => i.value === "cus_9"));
    assert.equal(await form.getByLabel("Name", { exact: true }).inputValue(), "Shared, renamed");
    await button(form, "Save").click();
    await form.waitFor({ state: "detached" });
    const text = await raw("GET", "/v1/tenants/shared");
    for (const part of ['"name":"Shared, renamed"', '"stripe_customer_id":"cus_9"', '"account":900719925474099315']) assert.ok(text.includes(part), part + " in " + text);

    await server.ask("PUT", "/v1/plans/shared", { name: "One", quotas: [] });
    await page.goto(server.base + "/plans?edit=shared");
    await form.getByLabel("Name", { exact: true }).fill("Mine");
    await server.ask("PUT", "/v1/plans/shared", { name: "Theirs", quotas: [] });
    await button(form, "See what changes").click();
    await form.getByRole("alert").getByText("Somebody else has changed this plan").waitFor();
    await button(form, "Take in what is new").click();
    await page.waitForFunction(() => [...document.querySelectorAll("dialog input")].some((i) => i.value === "Theirs"));

    await page.goto(server.base + "/settings");
    await page.getByLabel("Upgrade address").fill("https://example.com/mine");
    const { retention, ...settings } = await server.ask("GET", "/v1/settings");
    await server.ask("PUT", "/v1/settings", { ...settings, retention, upgrade_url: "https://example.com/theirs" });
    await button(page, "Save settings").click();
    await page.getByRole("alert").getByText("Somebody else has changed the settings").waitFor();
    await button(page, "Take in what is new").click();
    await page.waitForFunction(() => [...document.querySelectorAll("input")].some((i) => i.value === "https://example.com/theirs"));
    for (const url of ["https://example.com/a", ""]) {
      await page.getByLabel("Upgrade address").fill(url);
      await button(page, "Save settings").click();
      await page.getByText("Saved", { exact: true }).waitFor();
      assert.equal((await server.ask("GET", "/v1/settings")).upgrade_url, url || null);
      await page.waitForTimeout(200);
    }
    await close(page);
  });

  test("another plan for several tenants at once", async () => {
    for (const id of ["bulk-a", "bulk-b", "bulk-c"]) await server.ask("PUT", "/v1/tenants/" + id, { name: id });
    const page = await visit("/tenants?q=bulk&sort=id");
    await settled(page);
    for (const id of ["bulk-a", "bulk-c"]) await page.getByRole("checkbox", { name: "Choose " + id }).check();
    await button(page, "Change plan of 2").click();
    const form = page.getByRole("dialog");
    await form.getByLabel("Plan", { exact: true }).selectOption("free");
    await form.getByRole("button", { name: "Change plan" }).click();
    await form.waitFor({ state: "detached" });
    const plans = await Promise.all(["bulk-a", "bulk-b", "bulk-c"].map(async (id) => (await server.ask("GET", "/v1/tenants/" + id)).plan));
    assert.deepEqual(plans, ["free", null, "free"]);
    await page.getByRole("row", { name: /bulk-c/ }).getByText("free v1").waitFor();
    // The other way round, the order is in the address.
    await page.getByLabel("Order").selectOption("-name");
    await page.waitForFunction(() => document.querySelector(".vrow")?.textContent.startsWith("bulk-c"));
    assert.equal(new URL(page.url()).searchParams.get("sort"), "-name");
    await close(page);
  });

  test("the figures of a meter: what came late, twice or was refused", async () => {
    const send = (event, status) => server.ask("POST", "/v1/events", { tenant_id: "globex", feature_type: "llm", ...event }, status);
    const { data } = await server.ask("GET", "/v1/system/meters");
    const was = data.find((m) => m.meter === "llm_tokens_ui");
    const late = new Date(Date.now() - 3_600_000).toISOString();
    await send({ id: "late", quantity: 1, timestamp: late });
    await send({ id: "twice", quantity: 1 });
    await send({ id: "twice", quantity: 1 });
    await send({ id: "twice", quantity: 2 }, 409);
    await send({ id: "negative", quantity: -1 }, 422);
    const page = await visit("/meters?meter=llm_tokens_ui");
    const figures = page.getByRole("region", { name: "What became of its events" });
    await figures.waitFor();
    const text = (await figures.innerText()).replaceAll(/\s+/g, " ");
    const n = (x) => x.toLocaleString("en-US");
    assert.match(text, new RegExp(`Late ${n(was.late + 1)} counted.*Duplicates ${n(was.duplicates + 1)} left out.*Conflicts ${was.conflicts + 1} .*Rejected ${was.rejected + 1} .*Groups a day no more than \\d+ in a tenant; beyond 10,000`));
    await close(page);
  });

  test("settings of the server with their origin, and space by class", async () => {
    const page = await visit("/settings?tab=config");
    const row = page.getByRole("row", { name: /^listen / });
    await row.getByText("command line", { exact: true }).waitFor();
    await page.getByRole("row", { name: /^tenant_rate / }).getByText("default", { exact: true }).waitFor();
    await button(page, "Not the default").click();
    await page.getByRole("row", { name: /^tenant_rate / }).waitFor({ state: "detached" });
    await page.goto(server.base + "/settings");
    await page.getByRole("region", { name: "Retention and space" }).getByRole("row", { name: /^Raw events for ever .* kB|^Raw events for ever .* MB/ }).waitFor();
    await page.getByRole("row", { name: /^Minutes 14d/ }).waitFor();
    await close(page);
  });

  test("settings", async () => {
    const page = await visit("/settings");
    await page.getByLabel("Plan of new tenants").selectOption("free");
    await page.getByLabel("Upgrade address").fill("https://example.com/upgrade");
    await button(page, "Save settings").click();
    await page.getByText("Saved", { exact: true }).waitFor();
    const s = await server.ask("GET", "/v1/settings");
    assert.deepEqual([s.default_plan, s.upgrade_url], ["free", "https://example.com/upgrade"]);
    await page.goto(server.base + "/tenants/acme");
    await page.getByRole("link", { name: "Upgrade page" }).waitFor();
    await close(page);
  });

  test("a key is shown once, and revoked", async () => {
    const page = await visit("/settings?tab=keys");
    await button(page, "New key").click();
    await page.getByLabel("Name", { exact: true }).fill("reader");
    await page.getByRole("checkbox", { name: /^ingest/ }).uncheck();
    await page.getByRole("checkbox", { name: /^read/ }).check();
    await button(page, "Create key").click();
    const key = await page.locator("pre").innerText();
    const as = (key) => fetch(server.base + "/v1/plans", { headers: { Authorization: "Bearer " + key } }).then((r) => r.status);
    assert.equal(await as(key), 200);
    await button(page, "Done").click();
    await button(page, "Revoke reader").click();
    await button(page, "Revoke key").click();
    await button(page, "Revoke reader").waitFor({ state: "detached" });
    assert.equal(await as(key), 401);
    await close(page);
  });

  test("view as customer: the portal shows the tenant and nothing else, and ends", async () => {
    const page = await visit("/tenants/acme");
    await settled(page);
    await button(page, "View as customer").click();
    await button(page, "Make a link").click();
    const link = await page.getByRole("link", { name: "Open it" }).getAttribute("href");
    await close(page);

    const portal = await open(env.browser, server, "/portal#" + new URL(link).hash.slice(1) + "&accent=%23a04000", { key: "" });
    await portal.getByRole("heading", { level: 1, name: "Acme Inc" }).waitFor();
    await settled(portal);
    assert.equal(new URL(portal.url()).hash, "", "the token is in no history");
    await fits(portal, "portal");
    await accessible(portal, "portal");
    await portal.reload();
    await portal.getByRole("heading", { level: 1, name: "Acme Inc" }).waitFor();
    await portal.getByText("Last period").click();
    await settled(portal);
    await close(portal);

    // How far and how long it goes on beyond a limit, in words.
    await server.ask("PUT", "/v1/plans/terms", { name: "Terms", quotas: [{ slug: "calls", meter: "api_calls", period: "month", limit: 1000, overage: 200, grace_period: "9h" }, { slug: "time", meter: "compute_time", period: "year", limit: 1000, throttle_at: 0.5 }, { slug: "pace", meter: "api_calls", rate: { limit: 50, per: "1s" } }, { slug: "trial", meter: "api_calls", period: "year", limit: 5, mode: "shadow" }] });
    await server.ask("PUT", "/v1/tenants/terms", { name: "Terms & Co", plan: "terms" });
    const token = async () => (await server.ask("POST", "/v1/portal/sessions", { tenant_id: "terms" })).token;
    const own = await open(env.browser, server, "/portal#token=" + (await token()), { key: "", width: 360, theme: "dark" });
    await own.getByText(/^Beyond the limit 200 calls more are allowed within 9 hours, then requests stop until 1 \w+/).waitFor();
    await own.getByText("Nothing of it was used yet").waitFor();
    assert.equal(await own.getByText(/ 5$/).count(), 0, "a trial of the host is nothing for a customer");
    await server.ask("POST", "/v1/events", { id: "over", tenant_id: "terms", feature_type: "api_calls", quantity: 1050 });
    await server.ask("POST", "/v1/events", { id: "slow", tenant_id: "terms", feature_type: "compute_time", quantity: 600 });
    const notice = own.getByRole("status").filter({ hasText: "API calls passed the limit of 1,000 calls." });
    await notice.getByText(/Requests go on until \d+ \w+ at \d\d:\d\d, or until 150 calls more are used; then they stop until 1 /).waitFor();
    await own.getByText("150 of overage, then requests stop").waitFor();
    await own.getByText(/^No more than 50 calls a second\./).waitFor();
    await fits(own, "the portal beyond a limit");
    // As a table: axe takes the line of a steep chart for the ground of the label beside it.
    await button(own, "Table").click();
    await accessible(own, "the portal beyond a limit");
    await own.getByRole("button", { name: /^Compute time/ }).click();
    await own.getByText("Requests are slowed down, so that what is left of Compute time lasts until 1 January.").waitFor();
    await close(own);

    for (const hash of ["", "#token=weirs_forged.YWNtZQ.99999999999.AAAA"]) {
      const ended = await open(env.browser, server, "/portal" + hash, { key: "", width: 360 });
      await ended.getByRole("heading", { name: hash ? "This page has ended" : "This page opens with a link" }).waitFor();
      await close(ended);
    }
  });
}
