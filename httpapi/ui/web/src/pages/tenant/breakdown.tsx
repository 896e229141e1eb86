// A meter's usage by one of its dimensions, or by user.

import { curl } from "../../api/client";
import type { Meter, QuotaStatus, Tenant, UsageRow } from "../../api/types";
import { usagePath, useUsage, type UsageQuery } from "../../api/usage";
import { capital, change, exact, percent, plural, toNumber } from "../../lib/number";
import { beforeOf } from "../../chart/period";
import { before, type Span } from "../../lib/range";
import { useParams1, useSetSearch, type View } from "../../shell/view";
import { csv, save } from "../../ui/download";
import { Card, CopyButton, Empty, Loaded } from "../../ui/parts";
import { periodSpan } from "./chart";

const shown = 12;

export const dimensionName = (d: string): string => d.replace(/^metadata\./, "").replace("user_id", "user");

export function Breakdown({ tenant, meter, quota, view }: { tenant: Tenant; meter: Meter; quota?: QuotaStatus; view: View }) {
  const search = useParams1();
  const set = useSetSearch();
  const dimensions = [...(meter.dimensions ?? []).filter((d) => d !== "user_id"), "user_id"];
  const by = dimensions.includes(search.by ?? "") ? search.by! : dimensions[0]!;
  // Users of a meter that counts users are one each.
  const plain = meter.aggregation === "unique_count" && by === (meter.unique_property ?? "user_id");
  const span = periodSpan(quota, view);
  const q: UsageQuery = { meter: meter.slug, tenant: tenant.id, span, zone: view.zone, window: "total", groupBy: by };
  const now = useUsage(plain ? null : q);
  const past = useUsage(view.compare && !plain ? { ...q, span: soFar(quota, span, view) } : null);
  const sorted = [...(now.data?.data ?? [])].sort((a, b) => toNumber(b.value) - toNumber(a.value));
  const total = sorted.reduce((s, r) => s + toNumber(r.value), 0);
  if (plain) return null;
  const key = (r: UsageRow) => r.group[by] ?? null;
  const old = new Map((past.data?.data ?? []).map((r) => [key(r), toNumber(r.value)]));
  return (
    <Card
      title={"Breakdown by " + dimensionName(by)}
      side={
        <>
          {dimensions.length > 1 && (
            <label>
              <span className="hidden">Dimension</span>
              <select className="input small" value={by} onChange={(e) => set({ by: e.target.value })}>
                {dimensions.map((d) => (
                  <option key={d} value={d}>
                    {dimensionName(d)}
                  </option>
                ))}
              </select>
            </label>
          )}
          <button type="button" className="btn small" disabled={!sorted.length} onClick={() => save(`${meter.slug}-by-${dimensionName(by)}.csv`, csv([[by, "value"], ...sorted.map((r) => [key(r), r.value])]))}>
            CSV
          </button>
          <CopyButton text={() => curl(usagePath(q))}>curl</CopyButton>
        </>
      }
    >
      <Loaded query={now} height={140}>
        {() =>
          sorted.length === 0 ? (
            <Empty title="Nothing was used in this range" />
          ) : (
            <div className="scroll">
              <table>
                <thead>
                  <tr>
                    <th>{capital(dimensionName(by))}</th>
                    <th className="r">{capital(meter.unit ? plural(meter.unit, 2) : "value")}</th>
                    <th style={{ width: "38%" }}>Share</th>
                    {view.compare && (
                      <th className="r" title="Against as much of the time before as has passed of this one">
                        vs before
                      </th>
                    )}
                  </tr>
                </thead>
                <tbody>
                  {sorted.slice(0, shown).map((r) => (
                    <tr key={key(r) ?? ""}>
                      <td>
                        <span className="name" dir="auto">
                          {label(key(r))}
                        </span>
                      </td>
                      <td className="r num">{exact(r.value)}</td>
                      <td>
                        <span className="share">
                          <i>
                            <i style={{ width: total > 0 ? (100 * toNumber(r.value)) / total + "%" : 0 }} />
                          </i>
                          <span className="num sub" style={{ textAlign: "right" }}>
                            {percent(toNumber(r.value), total)}
                          </span>
                        </span>
                      </td>
                      {view.compare && <td className="r num flat">{past.data ? change(toNumber(r.value), old.get(key(r)) ?? 0) : "…"}</td>}
                    </tr>
                  ))}
                </tbody>
              </table>
              {sorted.length > shown && (
                <p className="pad sub num">
                  {exact(sorted.length - shown)} more {sorted.length - shown === 1 ? "value" : "values"} in the CSV
                </p>
              )}
            </div>
          )
        }
      </Loaded>
    </Card>
  );
}

const quarter = 15 * 60_000;

// soFar is the time before, as much of it as has passed of this one: a period that is not over is not held against a whole one.
function soFar(quota: QuotaStatus | undefined, span: Span, view: View): Span {
  const whole = (view.range === "period" || view.range === "last") && quota?.period_start;
  const old = whole ? { from: beforeOf(quota.period, span.from, span.to, view.zone), to: span.from } : before(view.range, span, view.zone);
  const passed = Math.ceil((Math.min(view.now, span.to) - span.from) / quarter) * quarter;
  return { from: old.from, to: Math.max(old.from + quarter, Math.min(old.to, old.from + passed)), window: span.window };
}

const label = (v: string | null) => (v === null ? "none" : v === "__other__" ? "other (too many values)" : v);
