// The rows of the list of tenants. Only those in sight exist, whatever the length of the list.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import { ask, path } from "../api/client";
import { useAll } from "../api/hooks";
import type { Forecast, Meter, QuotaStatus, Summary, Tenant } from "../api/types";
import { adds, forecastPath, meterName, useQuotas } from "../api/usage";
import { Spark } from "../chart/spark";
import { toNumber } from "../lib/number";
import { byUrgency, forecastOf, gaugeLabel, isNear, quotaWords } from "../lib/quota";
import { useView } from "../shell/view";
import { Gauge } from "../ui/gauge";
import { Tag } from "../ui/parts";

const rowHeight = 44;

export function TenantRows({ rows, more, picked, pick, all, pickAll }: { rows: Tenant[]; more?: () => void; picked: ReadonlySet<string>; pick: (id: string) => void; all: boolean; pickAll: () => void }) {
  const ref = useRef<HTMLDivElement>(null);
  const meters = useAll<Meter>("v1/meters");
  const v = useVirtualizer({ count: rows.length, getScrollElement: () => ref.current, estimateSize: () => rowHeight, overscan: 8 });
  const items = v.getVirtualItems();
  const end = items[items.length - 1]?.index ?? 0;
  useEffect(() => {
    if (more && end >= rows.length - 30) more();
  }, [end, rows.length, more]);
  return (
    <div role="table" aria-label="Tenants" aria-rowcount={more ? -1 : rows.length + 1} className="vtable">
      <div role="row" aria-rowindex={1} className="vhead">
        <span role="columnheader">
          <input type="checkbox" aria-label="Choose all that are listed" checked={all} onChange={pickAll} />
        </span>
        <span role="columnheader">Tenant</span>
        <span role="columnheader" className="narrow-hide">
          Plan
        </span>
        <span role="columnheader">Used of limit</span>
        <span role="columnheader" className="narrow-hide">
          Fullest quota
        </span>
        <span role="columnheader" className="narrow-hide">
          Last 30 days
        </span>
      </div>
      <div ref={ref} role="rowgroup" className="vbody" tabIndex={0} style={{ height: Math.min(rows.length * rowHeight + 2, 620) }}>
        <div role="presentation" style={{ height: v.getTotalSize(), position: "relative" }}>
          {items.map((i) => {
            const t = rows[i.index]!;
            return (
              <div key={t.id} role="row" aria-rowindex={i.index + 2} className="vrow" style={{ transform: `translateY(${i.start}px)` }}>
                <span role="cell">
                  <input type="checkbox" aria-label={"Choose " + t.name} checked={picked.has(t.id)} onChange={() => pick(t.id)} />
                </span>
                <Row tenant={t} meters={meters.data ?? []} />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

interface Story {
  spark: (number | null)[];
  forecast: Forecast | null;
}

// useStory asks for what a row shows beside its quota, once the row has stayed in sight, and once a minute: these are reads of history.
function useStory(tenant: string, quota: QuotaStatus | undefined, sums: boolean): Story | undefined {
  const q = useQuery<Story>({
    queryKey: ["story", tenant, quota?.quota ?? "", quota?.meter ?? ""],
    enabled: quota !== undefined,
    staleTime: 60_000,
    refetchInterval: 60_000,
    retry: false,
    queryFn: async ({ signal }) => {
      await new Promise((done) => setTimeout(done, 250));
      signal.throwIfAborted();
      const s = (await ask<Summary>(path`v1/tenants/${tenant}/summary`, { signal })).body;
      const m = s.meters.find((x) => x.meter === quota!.meter);
      const forecast = sums && quota!.reset_at ? (await ask<Forecast>(forecastPath(tenant, quota!.meter), { signal })).body : null;
      return { spark: (m?.sparkline ?? []).map((x) => (x === null ? null : toNumber(x))), forecast: forecast?.quota === quota!.quota ? forecast : null };
    },
  });
  return q.data;
}

function Row({ tenant, meters }: { tenant: Tenant; meters: Meter[] }) {
  const view = useView();
  // The list by usage has the fullest quota in it; in other orders it is asked for.
  const asked = useQuotas(tenant.quota ? null : tenant.id);
  const q = tenant.quota ?? [...(asked.data?.data ?? [])].filter((x) => x.period !== "rate").sort(byUrgency)[0];
  const meter = meters.find((m) => m.slug === q?.meter);
  const story = useStory(tenant.id, q, adds(meter?.aggregation ?? ""));
  const words = q && quotaWords(q, view.zone, view.now, meter?.unit, story?.forecast ?? undefined);
  return (
    <>
      <span role="cell" className="cut">
        <Link to="/tenants/$id" params={{ id: tenant.id }}>
          <b>
            <bdi>{tenant.name}</bdi>
          </b>{" "}
          {tenant.name !== tenant.id && (
            <span className="sub">
              <bdi>{tenant.id}</bdi>
            </span>
          )}
        </Link>
      </span>
      <span role="cell" className="narrow-hide cut">
        {tenant.plan ? <Tag>{tenant.plan + (tenant.plan_version ? " v" + tenant.plan_version : "")}</Tag> : <span className="sub">no plan</span>}
      </span>
      <span role="cell">
        {q && words ? (
          <Gauge used={q.used} limit={q.limit} reserved={q.reserved} forecast={forecastOf(story?.forecast ?? undefined)} near={isNear(q)} height={7} label={gaugeLabel(q, words, meter?.unit)} />
        ) : tenant.quota === undefined && asked.data ? (
          <span className="sub">no quota</span>
        ) : null}
      </span>
      <span role="cell" className="narrow-hide cut">
        {q && words && (
          <>
            <span className="sub">{meter ? meterName(meter) : q.meter}</span> <span className={"num " + words.tone}>{words.text}</span>
          </>
        )}
      </span>
      <span role="cell" className="narrow-hide">
        {story && <Spark values={story.spark.map((x) => x ?? 0)} />}
      </span>
    </>
  );
}
