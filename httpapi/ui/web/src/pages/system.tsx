// How the engine is: health, latency, memory, disk.

import { curl } from "../api/client";
import { useGet } from "../api/hooks";
import type { System as SystemBody } from "../api/types";
import { axis, exact, toNumber, type Num } from "../lib/number";
import { clockSeconds, duration } from "../lib/time";
import { useView } from "../shell/view";
import { Card, CopyButton, Loaded, Tag } from "../ui/parts";

// The figures that have a name; the rest is listed by the name that the API gives it.
const named: Record<string, string> = {
  events: "Events in the log",
  counted: "Counted",
  duplicates: "Duplicates left out",
  conflicts: "Conflicts",
  rejected: "Rejected",
  tenants: "Tenants",
  users: "Users",
  series: "Series",
  blocks: "Blocks",
  applied_index: "Applied up to",
  durable_index: "Durable up to",
  checkpoint_index: "Checkpoint at",
  queue_items: "Waiting to be written",
  dedup_runs: "Runs of ids",
  dedup_bytes: "Memory for ids",
  disk_bytes: "On disk",
  disk_free_bytes: "Free on the disk",
  log_bytes: "Log",
  replayed: "Replayed at start",
};

const checkNames: Record<string, string> = { engine: "Engine", disk: "Disk space", clock: "Clock", stall: "Writes go through", open: "Open" };

const figure = (name: string, v: Num) => (name.endsWith("_bytes") ? axis(toNumber(v), "byte") : exact(v));

export function System() {
  const view = useView();
  const q = useGet<SystemBody>("v1/system", { every: 5_000 });
  return (
    <>
      <div className="title">
        <div>
          <h1>System</h1>
          <div className="sub num">{q.data ? "up " + duration(q.data.uptime_seconds * 1000) + " · as of " + clockSeconds(q.dataUpdatedAt, view.zone) : " "}</div>
        </div>
        <CopyButton small={false} text={() => curl("v1/system")}>
          Copy as curl
        </CopyButton>
      </div>
      <Loaded query={q} height={300}>
        {(s) => (
          <div className="with-aside">
            <Card title="Figures">
              <div className="body">
                <dl className="figures">
                  {Object.entries(s.stats)
                    .filter(([, v]) => typeof v !== "object")
                    .map(([name, v]) => (
                      <div key={name}>
                        <dt className="sub">{named[name] ?? name.replaceAll("_", " ")}</dt>
                        <dd className="num" title={exact(v)}>
                          {figure(name, v)}
                        </dd>
                      </div>
                    ))}
                </dl>
              </div>
            </Card>
            <div className="stack">
              <Card title="Checks">
                <div className="rule">
                  {s.checks.map((c) => (
                    <div className="pad row apart" key={c.name}>
                      <span>
                        {checkNames[c.name] ?? c.name}
                        {c.detail && <span className="sub any"> {c.detail}</span>}
                      </span>
                      <Tag tone={c.ok ? "ok" : "over"}>{c.ok ? "well" : "not well"}</Tag>
                    </div>
                  ))}
                </div>
              </Card>
              <dl className="card pad facts" aria-label="Build">
                <dt>Version</dt>
                <dd className="mono">{s.version.version}</dd>
                {s.version.commit && (
                  <>
                    <dt>Commit</dt>
                    <dd className="mono">{s.version.commit.slice(0, 12)}</dd>
                  </>
                )}
                <dt>Built with</dt>
                <dd className="mono">
                  {s.version.go} {s.version.os}/{s.version.arch}
                </dd>
              </dl>
            </div>
          </div>
        )}
      </Loaded>
    </>
  );
}
