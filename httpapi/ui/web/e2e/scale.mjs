// node e2e/scale.mjs: the pages over a big store, 10,000 tenants and 10 M events by default (TENANTS, EVENTS). It prints how long Overview
// and Tenants take until they can be used, how evenly the list scrolls, and the latency of every call that the pages make, and fails
// where a page takes a second or more. For a quiet machine; no part of CI.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { Server, close, launch, open } from "./harness.mjs";

const tenants = Number(process.env.TENANTS || 10_000);
const events = Number(process.env.EVENTS || 10_000_000);
const readyMaxMs = Number(process.env.READY_MAX_MS || 1000);
const calls = Number(process.env.CALLS || 200);
const streams = 2;
const day = 86_400_000;

const server = await new Server().start();
const browser = await launch();
try {
  await fill();
  await quiet();
  const asked = new Set();
  for (const [name, path, ready] of [
    ["Overview", "/", () => document.querySelector(".kpis .v") && document.querySelector("section table tbody tr") && document.querySelector(".attention") && performance.now()],
    ["Tenants", "/tenants", () => document.querySelectorAll(".vrow").length > 5 && performance.now()],
    ["Tenant", "/tenants/t-00001", () => document.querySelector(".quotas .v") && document.querySelector(".chart path.used") && performance.now()],
  ]) {
    // A key lives in its tab: what a new tab shows first is the sign-in, and the page after it.
    const page = await open(browser, server, path, { key: "" });
    page.on("request", (r) => r.url().startsWith(server.base + "/v1/") && !r.url().includes("/v1/stream") && asked.add(r.url().slice(server.base.length)));
    await page.getByLabel("API key").fill(server.key);
    const signed = await page.evaluate(() => performance.now());
    await page.keyboard.press("Enter");
    const first = Math.round((await used(page, ready)) - signed);
    await close(page);
    // Loading it in a tab that has the key, in a browser that has none of its files, and again when it has.
    const tab = await open(browser, server, "/docs");
    const took = [];
    for (let i = 0; i < 4; i++) {
      await tab.goto(server.base + path, { waitUntil: "commit" });
      took.push(Math.round(await used(tab, ready)));
      await tab.waitForTimeout(300);
    }
    console.log(`${name}: can be used ${first} ms after signing in; loaded with nothing in the browser's cache after ${took[0]} ms, then ${took.slice(1).join(", ")} ms`);
    if (path !== "/tenants/t-00001") assert.ok(Math.max(first, Math.min(...took)) < readyMaxMs, `${name} takes ${first} and ${took} ms`);
    if (path === "/tenants") await scroll(tab);
    await close(tab);
  }
  await latencies([...asked]);
} finally {
  await browser.close();
  await server.end();
}

// quiet waits until the merges after the load are over, which take another half minute of both cores: nobody opens a page in the second after
// ten million events.
async function quiet() {
  const ticks = () => {
    const fields = readFileSync(`/proc/${server.process.pid}/stat`, "utf8").split(") ")[1].split(" ");
    return Number(fields[11]) + Number(fields[12]); // utime and stime, in hundredths of a second
  };
  const [began, every] = [Date.now(), 3000];
  for (let before = ticks(), calm = 0; calm < 2; ) {
    await new Promise((done) => setTimeout(done, every));
    const now = ticks();
    calm = (now - before) * 10 < every / 10 ? calm + 1 : 0;
    before = now;
    assert.ok(Date.now() - began < 300_000, "the server does not come to rest");
  }
  console.log(`at rest after ${Math.round((Date.now() - began) / 1000)} s`);
}

// used waits until a page can be used, and answers when that was.
async function used(page, ready) {
  return page.waitForFunction(ready, undefined, { polling: "raf" }).then((h) => h.jsonValue());
}

// fill makes the tenants by their first events, on the default plan, and spreads the events over a month.
async function fill() {
  await server.ask("PUT", "/v1/plans/pro", {
    name: "Pro",
    quotas: [
      { slug: "api-monthly", meter: "api_calls", period: "month", limit: Math.round((events / tenants) * 1.1) },
      { slug: "seats", meter: "seats", period: "lifetime", limit: 20 },
    ],
  });
  await server.ask("PUT", "/v1/settings", { default_plan: "pro" });
  const began = Date.now();
  const each = Math.ceil(events / streams);
  await Promise.all(Array.from({ length: streams }, (_, s) => send(s * each, Math.min(events, (s + 1) * each))));
  const took = (Date.now() - began) / 1000;
  console.log(`${events.toLocaleString("en")} events of ${tenants.toLocaleString("en")} tenants in ${took.toFixed(0)} s, ${Math.round(events / took).toLocaleString("en")} a second`);
}

async function send(from, to) {
  const chunk = 200_000;
  const now = Date.now();
  for (let at = from; at < to; at += chunk) {
    const req = request(server.base + "/v1/events", { method: "POST", headers: { Authorization: "Bearer " + server.key, "Content-Type": "application/x-ndjson" } });
    const answer = once(req, "response");
    for (let i = at; i < Math.min(to, at + chunk); ) {
      let text = "";
      for (const end = Math.min(to, at + chunk, i + 1000); i < end; i++) {
        const tenant = "t-" + String(i % tenants).padStart(5, "0");
        const kind = i % 8 === 7 ? `"feature_type":"data_transfer","quantity":${1000 + (i % 977)}` : `"feature_type":"api_calls"`;
        // A month of it, oldest first, so that most tenants are active now and then.
        const time = new Date(now - Math.floor((1 - i / events) * 27 * day) - 1000).toISOString();
        text += `{"id":"e${i}","tenant_id":"${tenant}","user_id":"u${i % 97}",${kind},"timestamp":"${time}"}\n`;
      }
      if (!req.write(text)) await once(req, "drain");
    }
    req.end();
    const [res] = await answer;
    let body = "";
    for await (const part of res) body += part;
    assert.equal(res.statusCode, 200, body.slice(0, 300));
  }
}

// scroll goes through the list and looks at how long frames take: what is in sight only is in the page, whatever the length of the list.
async function scroll(page) {
  const seen = await page.evaluate(async () => {
    const box = document.querySelector(".vbody");
    const frames = [];
    let rows = 0;
    let last = performance.now();
    for (let i = 0; i < 240; i++) {
      box.scrollTop += 180;
      await new Promise((done) => requestAnimationFrame(done));
      const now = performance.now();
      frames.push(now - last);
      last = now;
      rows = Math.max(rows, document.querySelectorAll(".vrow").length);
    }
    frames.sort((a, b) => a - b);
    return { median: frames[120], p95: frames[228], rows, at: Number(document.querySelector(".vrow:last-child")?.getAttribute("aria-rowindex")) };
  });
  console.log(`Tenants: scrolled to row ${seen.at}, at most ${seen.rows} rows in the page, frames ${seen.median.toFixed(0)} ms, 95th percentile ${seen.p95.toFixed(0)} ms`);
  assert.ok(seen.rows < 60, "the list is virtual");
}

async function latencies(paths) {
  console.log(`\n${"p50 ms".padStart(8)}${"p99 ms".padStart(9)}  call (${calls} times, one after another)`);
  const rows = [];
  for (const path of paths.filter((p, i) => paths.findIndex((q) => shape(q) === shape(p)) === i)) {
    const took = [];
    for (let i = 0; i < calls; i++) {
      const began = performance.now();
      const res = await fetch(server.base + path, { headers: { Authorization: "Bearer " + server.key } });
      await res.arrayBuffer();
      took.push(performance.now() - began);
    }
    took.sort((a, b) => a - b);
    rows.push([took[Math.floor(calls / 2)], took[Math.floor(calls * 0.99)], path]);
  }
  for (const [p50, p99, path] of rows.sort((a, b) => b[1] - a[1])) console.log(`${p50.toFixed(1).padStart(8)}${p99.toFixed(1).padStart(9)}  ${path.slice(0, 130)}`);
}

// shape is an address without what differs from row to row.
function shape(path) {
  return path.replace(/t-\d+/g, "t").replace(/cursor=[^&]*/, "cursor");
}
