// How the engine is: health, latency, memory, disk. Charts begin when the dashboard was opened: a server that kept its own history would
// be one more thing to store; Prometheus is for that.

import { curl } from "../api/client";
import { useGet } from "../api/hooks";
import type { Histogram, System as SystemBody } from "../api/types";
import { Trend } from "../chart/trend";
import { countOf, latency, quantile } from "../lib/histogram";
import { axis, count, exact, percent, short } from "../lib/number";
import { clockSeconds, duration } from "../lib/time";
import { useView } from "../shell/view";
import { Card, CopyButton, Loaded, Tag } from "../ui/parts";
import { figure, sampled, type Sample } from "./systemsamples";

// The figures that are shown by themselves, by what they are about.
const groups: [string, [string, string][]][] = [
  [
    "Items since the start",
    [
      ["counted", "Counted"],
      ["duplicates", "Duplicates left out"],
      ["conflicts", "Conflicts"],
      ["rejected", "Rejected"],
      ["denied", "Denied"],
      ["queue_items", "Waiting to be written"],
    ],
  ],
  [
    "In the store",
    [
      ["events", "Events"],
      ["tenants", "Tenants"],
      ["users", "Users"],
      ["series", "Series"],
      ["other_groups", "Groups beyond the bound"],
      ["other_users", "Users beyond the bound"],
    ],
  ],
  [
    "The log",
    [
      ["blocks", "Blocks"],
      ["durable_index", "Durable up to"],
      ["applied_index", "Applied up to"],
      ["checkpoint_index", "Checkpoint at"],
      ["replayed", "Replayed at start"],
      ["log_bytes", "Written"],
    ],
  ],
  [
    "Memory and disk",
    [
      ["cache_bytes", "Block cache"],
      ["dedup_bytes", "Memory for ids"],
      ["dedup_runs", "Runs of ids"],
      ["disk_bytes", "On disk"],
      ["disk_free_bytes", "Free on the disk"],
    ],
  ],
];

const checkNames: Record<string, string> = { engine: "Engine", disk: "Disk space", clock: "Clock", memory: "Memory", stall: "Writes go through", open: "Open" };

const stores: [string, string][] = [
  ["log_store", "Log"],
  ["state_store", "State"],
];
const storeFigures: [string, string][] = [
  ["disk_bytes", "On disk"],
  ["tables", "Tables"],
  ["l0_tables", "Of level 0"],
  ["read_amp", "Read amplification"],
  ["compaction_debt", "Still to compact"],
  ["compactions", "Compactions"],
  ["flushes", "Flushes"],
  ["write_bytes", "Written"],
  ["memtable_bytes", "Memtables"],
  ["wal_bytes", "Write-ahead log"],
];

const say = (name: string, v: number) => (name.endsWith("_bytes") || name === "compaction_debt" ? axis(v, "byte") : exact(v));

export function System() {
  const view = useView();
  const q = useGet<SystemBody>("v1/system", { every: 5_000 });
  return (
    <>
      <div className="title">
        <div>
          <h1>System</h1>
          <div className="sub num">{q.data ? "up " + duration(q.data.uptime_seconds * 1000) + " · as of " + clockSeconds(q.dataUpdatedAt, view.zone) : "\u00a0"}</div>
        </div>
        <CopyButton small={false} text={() => curl("v1/system")}>
          Copy as curl
        </CopyButton>
      </div>
      <Loaded query={q} height={300}>
        {(s) => (
          <>
            <Trends samples={sampled(s, q.dataUpdatedAt)} system={s} zone={view.zone} />
            <div className="with-aside">
              <div className="stack">
                <Card title="Figures">
                  <div className="rule topped">
                    {groups.map(([title, named]) => (
                      <section className="pad" key={title}>
                        <h3 className="figures-of">{title}</h3>
                        <dl className="figures">
                          {named.map(([name, label]) => (
                            <div key={name}>
                              <dt className="sub">{label}</dt>
                              <dd className={"num" + (figure(s.stats, name) === 0 ? " flat" : "")} title={exact(figure(s.stats, name))}>
                                {say(name, figure(s.stats, name))}
                              </dd>
                            </div>
                          ))}
                        </dl>
                      </section>
                    ))}
                  </div>
                </Card>
                <Stores stats={s.stats} />
              </div>
              <div className="stack">
                <Checks system={s} />
                <Decisions stats={s.stats} />
                <Build version={s.version} />
              </div>
            </div>
          </>
        )}
      </Loaded>
    </>
  );
}

const points = (samples: Sample[], of: (s: Sample) => number | null) => samples.map((s) => [s.at, of(s)] as const);

function Trends({ samples, system, zone }: { samples: Sample[]; system: SystemBody; zone: string }) {
  const last = samples[samples.length - 1]!;
  const [commit, fsync] = ["commit_time", "fsync_time"].map((name) => system.stats[name] as Histogram | undefined);
  const both = (of: (s: Sample) => [number | null, number | null]) => [
    { name: "median", series: "s1", points: points(samples, (s) => of(s)[0]) },
    { name: "99th percentile", series: "s3", points: points(samples, (s) => of(s)[1]) },
  ];
  const since = (h: Histogram | undefined) => (h && countOf(h) > 0 ? `${latency(quantile(h, 0.5))} · p99 ${latency(quantile(h, 0.99))}` : "none yet");
  const bytes = (v: number) => axis(v, "byte");
  const reads = figure(system.stats, "cache_hits") + figure(system.stats, "cache_misses");
  return (
    <div className="trends">
      <Trend title="Items a second" now={last.perSecond === null ? "–" : short(last.perSecond)} zone={zone} axis={short} lines={[{ name: "items a second", series: "s1", points: points(samples, (s) => s.perSecond) }]} />
      <Trend title="Commit" now={since(commit)} zone={zone} axis={latency} lines={both((s) => s.commit)} />
      <Trend title="Fsync" now={since(fsync)} zone={zone} axis={latency} lines={both((s) => s.fsync)} />
      <Trend title="Live memory" now={bytes(last.live)} zone={zone} axis={bytes} lines={[{ name: "live memory", series: "s1", points: points(samples, (s) => s.live) }]} />
      <Trend title="On disk" now={bytes(last.disk)} zone={zone} axis={bytes} lines={[{ name: "on disk", series: "s1", points: points(samples, (s) => s.disk) }]} />
      <Trend
        title="Reads from the cache"
        now={reads > 0 ? percent(figure(system.stats, "cache_hits"), reads) : "no reads yet"}
        zone={zone}
        axis={(v) => percent(v, 1)}
        lines={[{ name: "from the cache", series: "s1", points: points(samples, (s) => s.cache) }]}
      />
    </div>
  );
}

function Stores({ stats }: { stats: Record<string, unknown> }) {
  return (
    <Card title="Key-value stores" side={<span className="sub">Pebble</span>}>
      <div className="scroll">
        <table>
          <thead>
            <tr>
              <th>Figure</th>
              {stores.map(([name, label]) => (
                <th key={name} className="r">
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {storeFigures.map(([name, label]) => (
              <tr key={name}>
                <td>{label}</td>
                {stores.map(([store]) => {
                  const v = figure((stats[store] ?? {}) as Record<string, unknown>, name);
                  return (
                    <td key={store} className="r num" title={exact(v)}>
                      {say(name, v)}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function Checks({ system: s }: { system: SystemBody }) {
  return (
    <Card title="Checks">
      <div className="rule topped">
        {s.checks.map((c) => (
          <div className="pad row apart" key={c.name}>
            <span>
              {checkNames[c.name] ?? c.name}
              {c.detail && <span className="sub any"> {c.detail}</span>}
            </span>
            <Tag tone={c.ok ? "ok" : "over"}>{c.ok ? "ok" : "failing"}</Tag>
          </div>
        ))}
      </div>
    </Card>
  );
}

const words = ["allow", "warn", "throttle", "overage", "block"];

function Decisions({ stats }: { stats: Record<string, unknown> }) {
  const d = (stats.decisions ?? {}) as Record<string, number>;
  const all = words.reduce((n, w) => n + (d[w] ?? 0), 0);
  return (
    <Card title="Decisions" side={<span className="sub num">{count(all, "answer")}</span>}>
      <dl className="facts pad rule topped">
        {words.map((w) => (
          <div key={w} style={{ display: "contents" }}>
            <dt>{w}</dt>
            <dd className="num" style={{ textAlign: "right" }}>
              {exact(d[w] ?? 0)}
            </dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

function Build({ version: v }: { version: SystemBody["version"] }) {
  return (
    <dl className="card pad facts" aria-label="Build">
      <dt>Version</dt>
      <dd className="mono">{v.version}</dd>
      {v.commit && (
        <>
          <dt>Commit</dt>
          <dd className="mono">{v.commit.slice(0, 12)}</dd>
        </>
      )}
      <dt>Built with</dt>
      <dd className="mono">
        {v.go} {v.os}/{v.arch}
      </dd>
    </dl>
  );
}
