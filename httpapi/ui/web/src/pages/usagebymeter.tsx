// One meter over the range, all tenants together. Meters have units of their own, so they are not stacked upon each other.

import { useState } from "react";
import { curl } from "../api/client";
import type { Meter, MeterTotal, OverviewBody, Usage } from "../api/types";
import { adds, meterName, usagePath, useUsage, type UsageQuery } from "../api/usage";
import { Series } from "../chart/series";
import { add, amount, change, count, plural, readAs, toNumber, withUnit, type Num } from "../lib/number";
import { before, iso, spanOf } from "../lib/range";
import { useParams1, useSetSearch, useView } from "../shell/view";
import { CsvButton } from "../ui/csvbutton";
import { Card, CopyButton, Empty, Loaded } from "../ui/parts";
import { UsageTable } from "../ui/usagetable";

export function MeterSelect({ meters, value, onChange }: { meters: Meter[]; value: string; onChange: (slug: string) => void }) {
  return (
    <label>
      <span className="hidden">Meter</span>
      <select className="input small" value={value} onChange={(e) => onChange(e.target.value)}>
        {meters.map((m) => (
          <option key={m.slug} value={m.slug}>
            {meterName(m)}
          </option>
        ))}
      </select>
    </label>
  );
}

const beforeWords: Record<string, string> = { "1h": "the hour before", "24h": "the 24 h before", "3d": "the 3 days before", "30d": "the 30 days before", period: "last month so far" };

const total = (u: Usage | undefined): Num => (u?.data ?? []).reduce<Num>((sum, r) => add(sum, r.value ?? 0), 0);

// fromOverview is the series of the overview as an answer to a usage query. It is there for meters that add up, in windows of UTC.
function fromOverview(o: OverviewBody, m: MeterTotal): Usage {
  const [from, step] = [Date.parse(o.from), o.step_seconds * 1000];
  const now = Date.parse(o.now);
  return {
    meter: m.meter,
    aggregation: m.aggregation,
    unit: m.unit,
    from: o.from,
    to: o.to,
    window: o.step_seconds === 3600 ? "hour" : "day",
    time_zone: "UTC",
    as_of: { index: 0, time: o.now },
    next_cursor: null,
    data: m.series.map((value, i) => ({ window_start: iso(from + i * step), window_end: iso(from + (i + 1) * step), value, group: {}, partial: from + (i + 1) * step > now })),
  };
}

// mostUsed is the meter that is shown unless another is chosen: one whose series the overview has, as that of a level over all tenants is
// a long read.
function mostUsed(o: OverviewBody): MeterTotal | undefined {
  const there = o.meters.filter((m) => m.series.length > 1);
  return there.find((m) => m.meter === o.top_tenants.meter) ?? there.reduce<MeterTotal | undefined>((best, m) => (best && best.tenants >= m.tenants ? best : m), undefined) ?? o.meters[0];
}

export function UsageByMeter({ overview: o }: { overview: OverviewBody }) {
  const view = useView({ range: "3d" });
  const search = useParams1();
  const set = useSetSearch();
  const [table, setTable] = useState(false);
  const m = o.meters.find((x) => x.meter === search.meter) ?? mostUsed(o);
  const known = m && m.series.length > 1 && (view.zone === "UTC" || o.step_seconds === 3600);
  const span = known ? { from: Date.parse(o.from), to: Date.parse(o.to), window: "hour" as const } : spanOf(view.range, view.now, view.zone);
  const q: UsageQuery | null = m ? { meter: m.meter, span: spanOf(view.range, view.now, view.zone), zone: view.zone } : null;
  const asked = useUsage(known ? null : q);
  const past = useUsage(q && m && view.compare && adds(m.aggregation) ? { ...q, span: before(view.range, q.span, view.zone) } : null);
  const usage = known ? fromOverview(o, m) : asked.data;
  const sum = m && adds(m.aggregation) ? (known ? m.value : usage ? total(usage) : null) : m?.value;
  return (
    <Card
      title="Usage by meter"
      side={
        <>
          {m && <MeterSelect meters={o.meters.map((x) => ({ slug: x.meter, name: x.name, event_type: "", aggregation: x.aggregation }))} value={m.meter} onChange={(slug) => set({ meter: slug })} />}
          <button type="button" className="btn small" aria-pressed={table} onClick={() => setTable(!table)}>
            Table
          </button>
          {q && (
            <>
              <CsvButton to={usagePath({ ...q, format: "csv" })} name={q.meter} />
              <CopyButton text={() => curl(usagePath(q))}>curl</CopyButton>
            </>
          )}
        </>
      }
    >
      {!m ? (
        <Empty title="There is no meter yet" />
      ) : (
        <Loaded<unknown> query={known ? { data: o, error: null, refetch: () => undefined } : asked} height={300} plane>
          {() =>
            usage && (
              <div className="body">
                <p className="num row tight base wrap" style={{ marginBottom: 6 }}>
                  <b style={{ fontSize: 18 }} title={withUnit(sum, m.unit)}>
                    {amount(sum, m.unit)}
                  </b>
                  <span className="sub">
                    {readAs(sum, m.unit) ? "" : plural(m.unit, toNumber(sum))} {m.basis === "now" ? "now" : m.basis === "month" ? "in the open month" : ""}
                    {" from " + count(m.tenants, "tenant")}
                  </span>
                  {m.previous != null && toNumber(m.previous) > 0 && <span className="sub">{change(toNumber(m.value), toNumber(m.previous))} on {beforeWords[view.range] ?? "the time before"}</span>}
                </p>
                {table ? <UsageTable usage={usage} zone={view.zone} /> : <Series usage={usage} before={view.compare ? past.data : undefined} from={span.from} to={span.to} now={view.now} zone={view.zone} name={m.name} height={o.attention.length > 4 ? 366 : 300} />}
              </div>
            )
          }
        </Loaded>
      )}
    </Card>
  );
}
