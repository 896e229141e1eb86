// The client against a real server: `weir dev`, built here unless TEST_WEIR names one.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { RequestListener, Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

import { backoff, newId, Recorder, retryAfter, Weir, WeirError } from "../src/index.js";
import type { Event } from "../src/index.js";

let server: ChildProcess;
let baseUrl = "";
const dir = mkdtempSync(join(tmpdir(), "weir-ts-"));

before(async () => {
  let binary = process.env["TEST_WEIR"];
  if (!binary) {
    binary = join(dir, "weir");
    const root = fileURLToPath(new URL("../../../../", import.meta.url));
    execFileSync("go", ["build", "-buildvcs=false", "-o", binary, "./cmd/weir"], { cwd: root, stdio: "inherit", env: { ...process.env, CGO_ENABLED: "0" } });
  }
  server = spawn(binary, ["dev", "--demo=false", "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
  baseUrl = await new Promise<string>((done, failed) => {
    let text = "";
    server.stdout!.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const line = /weir listens on (http:\S+)/.exec(text);
      if (line) done(line[1]!);
    });
    server.on("exit", (code) => failed(new Error(`weir dev ended with ${code}: ${text}`)));
  });
});

after(() => {
  server.removeAllListeners("exit");
  server.kill("SIGTERM");
  rmSync(dir, { recursive: true, force: true });
});

test("a tenant's life", async () => {
  const weir = new Weir({ baseUrl });
  await weir.call("putPlan", { path: { slug: "free" }, body: { quotas: [{ slug: "api-monthly", meter: "api_calls", period: "month", limit: 10 }] } });
  await weir.call("putTenant", { path: { id: "a/b c" }, body: { plan: "free" } });
  const event: Event = { id: "e1", tenant_id: "a/b c", feature_type: "api_calls", quantity: 3 };
  assert.equal((await weir.record(event)).status, "counted");
  assert.equal((await weir.record(event)).status, "duplicate");
  const events: Event[] = [{ tenant_id: "a/b c", feature_type: "api_calls" }, { tenant_id: "a/b c", feature_type: "nope" }];
  for (const accepted of [1, 0]) {
    const batch = await weir.recordBatch(events);
    assert.deepEqual([batch.accepted, batch.duplicates, batch.rejected[0]?.code], [accepted, 1 - accepted, "unknown_feature"]);
  }
  assert.equal((await weir.recordBatch([{ tenant_id: "t", feature_type: "nope" }])).rejected_total, 1, "all refused is an answer");

  const answer = await weir.consume({ tenant_id: "a/b c", feature_type: "api_calls", quantity: 4 });
  assert.deepEqual([answer.allowed, answer.status, answer.quotas[0]?.used], [true, "counted", 8]);
  assert.equal((await weir.check({ tenant_id: "a/b c", feature_type: "api_calls", quantity: 3 })).reason, "quota_exceeded");
  assert.equal((await weir.reserve({ id: "r1", tenant_id: "a/b c", feature_type: "api_calls", quantity: 2 })).reservation_id, "r1");
  await weir.commit("a/b c", "r1", "1");
  await assert.rejects(weir.release("a/b c", "r1"), { name: "WeirError", code: "reservation_committed", status: 409 });
  assert.equal((await weir.quotas("a/b c"))[0]?.used, 9);
  assert.equal((await weir.usage({ meter: "api_calls", tenant_id: "a/b c" })).data[0]?.value, 9);
  assert.equal((await weir.usage({ meter: "api_calls", tenant_id: "a/b c", numbers: "string" })).data[0]?.value, "9");
  await assert.rejects(weir.call("getPlan", { path: { slug: "none" } }), { code: "not_found", status: 404 });
  assert.equal(await weir.call("deleteOverride", { path: { id: "a/b c", quota: "x" } }).catch((e: WeirError) => e.code), "not_found");
});

// front is a server before weir that does to a request what broken says, then passes all others on.
async function front(broken: (n: number) => "refuse" | "lose" | "hang" | "pass"): Promise<{ url: string; bodies: string[]; close: () => void }> {
  let n = 0;
  const bodies: string[] = [];
  const listener: RequestListener = (req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (c: Buffer) => chunks.push(c));
    req.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      bodies.push(body);
      const what = broken(++n);
      if (what === "refuse") return void res.writeHead(503, { "Retry-After": "0" }).end("busy");
      if (what === "hang") return;
      void fetch(baseUrl + req.url, { method: req.method!, headers: { "Content-Type": "application/json" }, body }).then(async (r) => {
        const text = await r.text();
        if (what === "lose") return void res.socket?.destroy();
        res.writeHead(r.status, { "Content-Type": r.headers.get("Content-Type")! }).end(text);
      });
    });
  };
  const http: Server = createServer(listener);
  await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    bodies,
    close: () => {
      http.closeAllConnections();
      http.close();
    },
  };
}

test("a retry sends the same bytes and counts once", async () => {
  const kinds = ["refuse", "lose", "hang", "lose", "pass"] as const;
  const f = await front((n) => kinds[n - 1] ?? "pass");
  const weir = new Weir({ baseUrl: f.url, timeoutMs: 2000 });
  const answer = await weir.consume({ tenant_id: "retry", feature_type: "api_calls" });
  assert.equal(answer.status, "duplicate", "a lost try had counted");
  assert.equal(f.bodies.length, kinds.length);
  assert.equal(new Set(f.bodies).size, 1);
  assert.equal((await new Weir({ baseUrl }).usage({ meter: "api_calls", tenant_id: "retry" })).data[0]?.value, 1);
  f.close();
});

test("no answer is an unknown outcome", async () => {
  const f = await front(() => "hang");
  await assert.rejects(new Weir({ baseUrl: f.url, timeoutMs: 50, attempts: 2 }).record({ tenant_id: "t", feature_type: "api_calls" }), { code: "outcome_unknown", status: 0 });
  const stop = AbortSignal.timeout(100);
  await assert.rejects(new Weir({ baseUrl: f.url }).call("getSettings", { signal: stop }), { name: "TimeoutError" });
  f.close();
});

test("the recorder delivers each event once", async () => {
  const f = await front((n) => (["pass", "refuse", "lose"] as const)[n % 3]!);
  const refused: string[] = [];
  const recorder = new Recorder(new Weir({ baseUrl: f.url, timeoutMs: 2000, attempts: 1 }), { batchEvents: 20, flushMs: 5, onRefused: (e, why) => refused.push(`${e.id} ${why.code}`) });
  for (let i = 0; i < 100; i++) recorder.record({ tenant_id: "rec", feature_type: "api_calls" });
  recorder.record({ id: "bad", tenant_id: "rec", feature_type: "nope" });
  assert.equal(await recorder.close(), 0);
  assert.deepEqual(refused, ["bad unknown_feature"]);
  assert.equal(recorder.counted + recorder.duplicates, 100);
  assert.equal((await new Weir({ baseUrl }).usage({ meter: "api_calls", tenant_id: "rec" })).data[0]?.value, 100);
  assert.throws(() => recorder.record({ tenant_id: "rec", feature_type: "api_calls" }), { code: "draining" });
  f.close();
});

test("one event that cannot be sent does not hold up the others", async () => {
  const refused: string[] = [];
  let tries = 0;
  const picky: typeof fetch = (target, init) => {
    tries++;
    if (!String(init?.body).includes("poison")) return fetch(target, init);
    const problem = { title: "Too large", status: 413, detail: "the body is too large", code: "too_large", request_id: "r" };
    return Promise.resolve(new Response(JSON.stringify(problem), { status: 413, headers: { "Content-Type": "application/problem+json" } }));
  };
  const recorder = new Recorder(new Weir({ baseUrl, fetch: picky, attempts: 1 }), { batchEvents: 20, flushMs: 5, onRefused: (e, why) => refused.push(`${e.id} ${why.code}`) });
  await recorder.flush(); // of nothing
  for (let i = 0; i < 50; i++) recorder.record({ id: i === 17 ? "poison" : `p${i}`, tenant_id: "halves", feature_type: "api_calls" });
  assert.equal(await recorder.close(), 0);
  assert.deepEqual(refused, ["poison too_large"]);
  assert.equal(recorder.counted, 49);
  assert.ok(tries < 20, `${tries} tries`);
});

test("close waits no longer than it was told", async () => {
  const f = await front(() => "hang");
  const errors: unknown[] = [];
  const recorder = new Recorder(new Weir({ baseUrl: f.url }), { flushMs: 5, onError: (e) => errors.push(e) });
  for (let i = 0; i < 3; i++) recorder.record({ tenant_id: "slow", feature_type: "api_calls" });
  const start = Date.now();
  assert.equal(await recorder.close(100), 3);
  assert.ok(Date.now() - start < 5_000, `${Date.now() - start} ms`);
  assert.deepEqual(errors, []);
  f.close();
});

test("ids, waits", () => {
  assert.match(newId(), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(newId(1000) < newId(2000));
  for (let n = 1; n < 20; n++) assert.ok(backoff(n) >= 25 && backoff(n) <= 2000);
  const now = Date.parse("2026-01-31T10:00:00Z");
  for (const [text, want] of [[null, 0], ["", 0], ["3", 3000], ["soon", 0], ["9999999", 60_000], ["Sat, 31 Jan 2026 10:00:20 GMT", 20_000], ["Sat, 31 Jan 2025 10:00:20 GMT", 0]] as const)
    assert.equal(retryAfter(text, now), want);
});

// What people paste first: the blocks of the two README files, against the server of this test.
test("the blocks of the README files", async () => {
  const weir = new Weir({ baseUrl });
  await weir.call("putPlan", { path: { slug: "free" }, body: { quotas: [] } });
  const client = fileURLToPath(new URL("../src/index.js", import.meta.url));
  for (const [i, file] of ["../../../../README.md", "../../README.md"].entries()) {
    const blocks = [...readFileSync(new URL(file, import.meta.url), "utf8").matchAll(/```ts\n(.*?)```/gs)];
    assert.equal(blocks.length, 1, file);
    const program = blocks[0]![1]!.replace('"weir-client"', JSON.stringify(pathToFileURL(client).href)).replace("http://127.0.0.1:7070", baseUrl);
    assert.ok(program.includes(baseUrl), `${file} names another server`);
    const place = join(dir, `readme${i}.mjs`);
    writeFileSync(place, program);
    await import(pathToFileURL(place).href);
    const now = await weir.call("getUsage", { query: { meter: "llm_tokens", tenant_id: "acme" } });
    assert.equal(now.data[0]?.value, 812 * (i + 1), file);
  }
});
