// Usage of one meter: the cumulative story of a period with its limit, or window by window; and both as a table.

import { useState } from "react";
import { curl } from "../../api/client";
import type { Meter, QuotaStatus, Tenant, Usage } from "../../api/types";
import { adds, meterName, usagePath, useForecast, useUsage, type UsageQuery } from "../../api/usage";
import { Cumulative, type Point } from "../../chart/cumulative";
import { Series } from "../../chart/series";
import { add, exact, toNumber, type Num } from "../../lib/number";
import { before, spanOf, type Span, type Window } from "../../lib/range";
import { moment, month, startOfMonth } from "../../lib/time";
import { useParams1, useSetSearch, type View } from "../../shell/view";
import { save } from "../../ui/download";
import { ask } from "../../api/client";
import { Card, CopyButton, Loaded, Segmented } from "../../ui/parts";
import { MeterSelect, UsageTable } from "../usagebymeter";
import { useCrossings } from "./crossings";

// periodSpan is the open period of a quota, or the one before it.
export function periodSpan(q: QuotaStatus | undefined, view: View): Span {
  if (view.range !== "period" && view.range !== "last") return spanOf(view.range, view.now, view.zone);
  if (!q?.period_start || !q.reset_at || q.period === "rate" || /^(sliding|lifetime|first_use)/.test(q.period)) return spanOf(view.range, view.now, view.zone);
  const [from, to] = [Date.parse(q.period_start), Date.parse(q.reset_at)];
  const window = windowOf(to - from);
  if (view.range === "period") return { from, to, window };
  return { from: previousStart(q, from, to, view.zone), to: from, window };
}

function windowOf(length: number): Window {
  const h = 3_600_000;
  return length <= 2 * h ? "minute" : length <= 30 * h ? "15m" : length <= 8 * 24 * h ? "hour" : "day";
}

function previousStart(q: QuotaStatus, from: number, to: number, zone: string): number {
  return q.period === "month" ? startOfMonth(from, zone, -1) : from - (to - from);
}

export function PeriodChart({ tenant, meter, meters, quota, view }: { tenant: Tenant; meter: Meter; meters: Meter[]; quota?: QuotaStatus; view: View }) {
  const search = useParams1();
  const set = useSetSearch();
  const [table, setTable] = useState(false);
  const span = periodSpan(quota, view);
  const whole = view.range === "period" || view.range === "last";
  const canAdd = adds(meter.aggregation);
  const mode = search.chart === "windows" || !canAdd ? "windows" : "cumulative";
  const q: UsageQuery = { meter: meter.slug, tenant: tenant.id, span, zone: view.zone };
  const now = useUsage(q);
  const old: Span = whole && quota?.period_start ? { from: previousStart(quota, span.from, span.to, view.zone), to: span.from, window: span.window } : before(view.range, span, view.zone);
  const past = useUsage(view.compare || whole ? { ...q, span: old } : null);
  const isOpen = span.to > view.now;
  const forecast = useForecast(tenant.id, canAdd && isOpen && quota?.period === "month" ? meter.slug : null);
  const crossings = useCrossings(tenant.id);
  const limit = whole && quota?.limit != null && view.range === "period" ? toNumber(quota.limit) : null;
  const crossed = quota && limit !== null ? crossings(quota, 100) : undefined;
  const download = async () => save(`${meter.slug}-${tenant.id}.csv`, (await ask<string>(usagePath({ ...q, format: "csv" }))).body);
  return (
    <Card
      title={meterName(meter)}
      side={
        <>
          <MeterSelect meters={meters} value={meter.slug} onChange={(slug) => set({ meter: slug, quota: undefined })} />
          {canAdd && (
            <Segmented
              label="View"
              value={mode}
              options={[
                { value: "cumulative", label: "Cumulative" },
                { value: "windows", label: "Per " + windowName(span.window) },
              ]}
              onChange={(v) => set({ chart: v === "windows" ? v : undefined })}
            />
          )}
          <button type="button" className="btn small" aria-pressed={table} onClick={() => setTable(!table)}>
            Table
          </button>
          <button type="button" className="btn small" onClick={() => void download()}>
            CSV
          </button>
          <CopyButton text={() => curl(usagePath(q))}>curl</CopyButton>
          <button type="button" className="btn small" onClick={() => set({ explain: "usage:" + meter.slug + ":" + span.from + ":" + Math.min(span.to, view.now) }, false)}>
            Explain
          </button>
        </>
      }
    >
      <Loaded query={now} height={290}>
        {(u) => (
          <div className="body">
            {table ? (
              mode === "cumulative" ? <RunningTable usage={u} zone={view.zone} /> : <UsageTable usage={u} zone={view.zone} />
            ) : mode === "cumulative" ? (
              <Cumulative
                from={span.from}
                to={span.to}
                zone={view.zone}
                unit={u.unit}
                name={meterName(meter)}
                {...running(u, span, view.now)}
                before={past.data && past.data.data.length > 0 ? { name: whole && span.window === "day" ? month(old.from, view.zone) : "before", points: shifted(past.data, old, span) } : undefined}
                limit={limit}
                crossed={crossed ? Date.parse(crossed.time) : null}
                forecast={
                  isOpen && forecast.data?.projected_total != null
                    ? { end: toNumber(forecast.data.projected_total), lo: toNumber(forecast.data.band?.[0] ?? forecast.data.projected_total), hi: toNumber(forecast.data.band?.[1] ?? forecast.data.projected_total) }
                    : null
                }
              />
            ) : (
              <Series usage={u} before={view.compare ? past.data : undefined} from={span.from} to={span.to} now={view.now} zone={view.zone} name={meterName(meter)} limit={canAdd ? null : limit} />
            )}
          </div>
        )}
      </Loaded>
    </Card>
  );
}

const windowName = (w: string) => (w === "15m" ? "15 min" : w);

// running adds the windows up, exactly; the last point is now, or the end of a period that is over.
function running(u: Usage, span: Span, now: number): { used: Point[]; usedExact: string[] } {
  const used: Point[] = [[span.from, 0]];
  const usedExact = ["0"];
  let sum: Num = 0;
  const edge = Math.min(now, span.to);
  for (const r of u.data) {
    const end = Math.min(Date.parse(r.window_end), Math.max(edge, Date.parse(r.window_start)));
    const start = Date.parse(r.window_start);
    if (start > used[used.length - 1]![0]) push(start);
    sum = add(sum, r.value ?? 0);
    push(end);
  }
  if (edge > used[used.length - 1]![0]) push(edge);
  return { used, usedExact };
  function push(t: number) {
    used.push([t, toNumber(sum)]);
    usedExact.push(String(sum));
  }
}

// shifted lays the period before over this one. A longer one ends where this one ends.
function shifted(u: Usage, old: Span, span: Span): Point[] {
  return running(u, old, old.to).used.map(([t, v]) => [span.from + (t - old.from), v] as const).filter(([t]) => t <= span.to);
}

function RunningTable({ usage, zone }: { usage: Usage; zone: string }) {
  let sum: Num = 0;
  return (
    <div className="scroll" style={{ maxHeight: 300 }} tabIndex={0} role="region" aria-label={"Usage of " + usage.meter + " as a table"}>
      <table>
        <thead>
          <tr>
            <th>From</th>
            <th className="r">{usage.unit || "Value"}</th>
            <th className="r">Running total</th>
            <th>State</th>
          </tr>
        </thead>
        <tbody>
          {usage.data.map((r) => {
            sum = add(sum, r.value ?? 0);
            return (
              <tr key={r.window_start}>
                <td className="num">{moment(r.window_start, zone)}</td>
                <td className="r num">{exact(r.value)}</td>
                <td className="r num">{exact(sum)}</td>
                <td className="sub">{r.partial ? "not over yet" : ""}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
