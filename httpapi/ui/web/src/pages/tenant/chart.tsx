// Usage of one meter: the cumulative story of a period with its limit, or window by window; and both as a table.

import { useState } from "react";
import { curl } from "../../api/client";
import { explainName } from "../../api/explanation";
import type { Meter, QuotaStatus, Tenant } from "../../api/types";
import { adds, meterName, usagePath, useForecast, useUsage, type UsageQuery } from "../../api/usage";
import { Cumulative } from "../../chart/cumulative";
import { ahead, beforeOf, running, shifted, windowOf } from "../../chart/period";
import { Series } from "../../chart/series";
import { toNumber } from "../../lib/number";
import { before, spanOf, type Span } from "../../lib/range";
import { month } from "../../lib/time";
import { useParams1, useSetSearch, type View } from "../../shell/view";
import { CsvButton } from "../../ui/csvbutton";
import { Card, CopyButton, Loaded, Segmented } from "../../ui/parts";
import { RunningTable, UsageTable } from "../../ui/usagetable";
import { MeterSelect } from "../usagebymeter";
import { useCrossings } from "./crossings";

// periodSpan is the open period of a quota, or the one before it.
export function periodSpan(q: QuotaStatus | undefined, view: View): Span {
  if (view.range !== "period" && view.range !== "last") return spanOf(view.range, view.now, view.zone);
  if (!q?.period_start || !q.reset_at || q.period === "rate" || /^(sliding|lifetime|first_use)/.test(q.period)) return spanOf(view.range, view.now, view.zone);
  const [from, to] = [Date.parse(q.period_start), Date.parse(q.reset_at)];
  const window = windowOf(to - from);
  if (view.range === "period") return { from, to, window };
  return { from: beforeOf(q.period, from, to, view.zone), to: from, window };
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
  const old: Span = whole && quota?.period_start ? { from: beforeOf(quota.period, span.from, span.to, view.zone), to: span.from, window: span.window } : before(view.range, span, view.zone);
  const past = useUsage(view.compare || whole ? { ...q, span: old } : null);
  const isOpen = span.to > view.now;
  const forecast = useForecast(tenant.id, canAdd && isOpen && whole ? meter.slug : null);
  const crossings = useCrossings(tenant.id);
  const limit = whole && quota?.limit != null && view.range === "period" ? toNumber(quota.limit) : null;
  const crossed = quota && limit !== null ? crossings(quota, 100) : undefined;
  const explain = (from: number, to: number) => set({ explain: explainName({ meter: meter.slug, from, to }) }, false);
  return (
    <Card
      title={<span className="hidden">{"Usage of " + meterName(meter)}</span>}
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
          <button type="button" className="btn small first" aria-pressed={table} onClick={() => setTable(!table)}>
            Table
          </button>
          <CsvButton to={usagePath({ ...q, format: "csv" })} name={meter.slug + "-" + tenant.id} />
          <CopyButton text={() => curl(usagePath(q))}>curl</CopyButton>
          <button type="button" className="btn small" onClick={() => explain(span.from, span.to)}>
            Explain
          </button>
        </>
      }
    >
      <Loaded query={now} height={290} plane>
        {(u) => (
          <div className="body">
            {table ? (
              mode === "cumulative" ? <RunningTable usage={u} zone={view.zone} explain={explain} /> : <UsageTable usage={u} zone={view.zone} explain={explain} />
            ) : mode === "cumulative" ? (
              <Cumulative
                from={span.from}
                to={span.to}
                zone={view.zone}
                unit={u.unit}
                name={meterName(meter)}
                {...running(u, span, view.now)}
                before={past.data && past.data.data.length > 0 ? { name: whole && quota?.period === "month" ? month(old.from, view.zone) : whole ? "period before" : "before", points: shifted(past.data, old, span) } : undefined}
                limit={limit}
                crossed={crossed ? Date.parse(crossed.time) : null}
                forecast={isOpen ? ahead(forecast.data, span) : null}
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
