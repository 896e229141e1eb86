// One quota: the figure, the gauge, and what comes next, in words.

import type { QuotaStatus, Tenant } from "../../api/types";
import { useForecast } from "../../api/usage";
import { amount, axis, exact, plural, readAs, subtract, toNumber, withUnit } from "../../lib/number";
import { forecastOf, gaugeLabel, isNear, limitWords, quotaWords, resets } from "../../lib/quota";
import { Gauge } from "../../ui/gauge";

export function QuotaCard({ quota: q, tenant, unit, adds, zone, now, picked, onPick, onExplain }: { quota: QuotaStatus; tenant: Tenant; unit?: string; adds: boolean; zone: string; now: number; picked: boolean; onPick: () => void; onExplain?: () => void }) {
  const ends = q.reset_at !== null && q.period !== "rate" && q.scope === "tenant" && q.limit !== null;
  const answer = useForecast(tenant.id, ends && adds ? q.meter : null);
  const forecast = answer.data?.quota === q.quota ? answer.data : undefined;
  const words = quotaWords(q, zone, now, unit, forecast);
  const used = q.period === "rate" ? q.remaining : q.used;
  const spill = forecast?.likely_overage != null && toNumber(forecast.likely_overage) > 0 && !q.exceeded ? forecast.likely_overage : null;
  return (
    <div className="quotabox">
      <button type="button" className="card quota pick" aria-pressed={picked} onClick={onPick}>
        <span className="row apart">
          <span className="sub cut" title={q.quota}>
            {q.quota}
          </span>
          <span className="sub num">{resets(q, zone, now)}</span>
        </span>
        <span className="row base wrap figure">
          <span className={"v num" + (amount(used, unit).length > 16 ? " long" : "")} title={withUnit(used, unit)}>
            {amount(used, unit)}
          </span>
          <span className="of num" title={exact(q.limit)}>
            {q.period === "rate" ? "left of " + exact(q.limit) : q.limit !== null ? limitWords(q.limit, unit) : unit && !readAs(used, unit) ? plural(unit, toNumber(used)) : "used"}
          </span>
        </span>
        {q.period === "rate" ? <Gauge used={q.limit === null || q.remaining === null ? 0 : subtract(q.limit, q.remaining)} limit={q.limit} label={gaugeLabel(q, words, unit)} /> : <Gauge used={q.used} limit={q.limit} reserved={q.reserved} forecast={forecastOf(forecast)} near={isNear(q)} label={gaugeLabel(q, words, unit)} />}
        <span className={"say num " + words.tone} style={{ display: "block" }}>
          {words.text}
          {spill !== null && (
            <span className="flat line" title={"about " + withUnit(Math.round(toNumber(spill)), unit) + " beyond the limit when the period ends, at today's pace"}>
              about {axis(toNumber(spill), unit)} over
            </span>
          )}
          {q.mode !== "enforce" && <span className="flat"> · {q.mode}</span>}
          {q.scope === "user" && <span className="flat"> · per user</span>}
        </span>
      </button>
      {onExplain && (
        <button type="button" className="why" aria-label={"Explain the figure of " + q.quota} title="Explain this number" onClick={onExplain}>
          Explain
        </button>
      )}
    </div>
  );
}
