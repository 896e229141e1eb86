// A decision: what was asked, the limit in force, what was used before, and the sum that decided.

import { path } from "../../api/client";
import { explainPath, type ExplainDecision, type Explained, type ExplainQuota, type ExplainRules, type Explanation } from "../../api/explanation";
import { useAll, useGet } from "../../api/hooks";
import type { Meter, Plan, QuotaStatus, Tenant } from "../../api/types";
import { add, count, exact, toNumber, type Num } from "../../lib/number";
import { clock, clockSeconds, day, moment } from "../../lib/time";
import { Loaded } from "../../ui/parts";
import { Lines, Step, type ExplainProps } from "./explain";
import { countLines, quotaLine } from "./explainnumber";
import { overrideText } from "./overrides";

export function ExplainDecisionSteps({ tenant, decision, meters, zone, go }: ExplainProps & { decision: string }) {
  const answer = useGet<Explanation>(explainPath(tenant.id, { decision }), { fresh: true });
  return (
    <Loaded query={answer} height={320}>
      {(x) => {
        const rules = x.steps.find((s) => s.rules)?.rules;
        const d = x.steps.find((s) => s.decision)?.decision;
        return rules && d ? <Chain tenant={tenant} rules={rules} decision={d} meters={meters} zone={zone} go={go} /> : <p className="pad sub">The log has nothing about this decision.</p>;
      }}
    </Loaded>
  );
}

function Chain({ tenant, rules, decision: d, meters, zone, go }: { tenant: Tenant; rules: ExplainRules; decision: ExplainDecision; meters: Meter[]; zone: string; go: (x: Explained) => void }) {
  const versions = useAll<Plan>(rules.plan ? path`v1/plans/${rules.plan}/versions` : null);
  const plan = versions.data?.find((v) => v.version === rules.plan_version);
  const overage = (quota: string) => (rules.overrides.find((o) => o.quota === quota)?.fields.overage ?? plan?.quotas.find((q) => q.slug === quota)?.overage) as Num | undefined;
  // The quota that decided comes first.
  const judged = [...d.quotas].sort((a, b) => Number(b.before.quota === d.binding_quota) - Number(a.before.quota === d.binding_quota));
  const first = judged[0]?.before;
  const counted = first && first.period !== "rate";
  return (
    <>
      <ol className="steps">
        <Step n={1} title="Request">
          <Lines>
            {[
              ...d.items.map((i, n) => (n === 0 ? clockSeconds(d.time, zone) + " " + d.kind + " " : "") + (i.quantity === undefined ? "" : exact(i.quantity) + " ") + i.feature_type),
              "on " + day(d.time, zone) + ", log " + exact(d.index),
              "id " + d.id + (d.user_id ? ", user " + d.user_id : ""),
              d.attempts > 1 && "asked " + exact(d.attempts) + " times; this is the newest",
            ]}
          </Lines>
        </Step>
        <Step n={2} title="Limit in force">
          <Lines>
            {[
              rules.plan ? (plan?.name || rules.plan) + " v" + rules.plan_version : "no plan",
              ...judged.flatMap(({ before: b }) => {
                const own = rules.overrides.find((o) => o.quota === b.quota);
                const more = overage(b.quota);
                return [
                  quotaLine(b, meters.find((m) => m.slug === b.meter)?.unit),
                  more !== undefined && more !== 0 && (more === "unlimited" ? "+ overage without limit" : "+ overage " + exact(more)),
                  own ? "override: " + overrideText(own) : "no override",
                ];
              }),
              judged.length === 0 && "no quota on what was asked for",
            ]}
          </Lines>
        </Step>
        {counted && (
          <Step n={3} title="Used before">
            <UsedBefore tenant={tenant.id} quota={first} at={d.time} zone={zone} go={go} />
          </Step>
        )}
        <Step n={counted ? 4 : 3} title="Decision">
          <Lines>{judged.length === 0 ? ["nothing limits it"] : judged.flatMap((q) => [(judged.length > 1 ? q.before.quota + ": " : "") + sum(q, overage(q.before.quota)), rowWords[q.row] ?? q.rule])}</Lines>
        </Step>
      </ol>
      <div className={"verdict " + (d.allowed ? "" : "over")}>{[d.decision, d.reason, d.status === "denied" ? "nothing counted" : "counted"].filter(Boolean).join(" · ")}</div>
    </>
  );
}

// UsedBefore is the number that the decision started from, and what the log had behind it up to that moment.
function UsedBefore({ tenant, quota: b, at, zone, go }: { tenant: string; quota: QuotaStatus; at: string; zone: string; go: (x: Explained) => void }) {
  const from = b.period_start === null ? null : Date.parse(b.period_start);
  const to = Math.floor(Date.parse(at) / 60_000) * 60_000; // numbers are kept by the minute
  const span = from !== null && from < to && b.scope === "tenant" ? { meter: b.meter, from, to } : null;
  const x = useGet<Explanation>(span && explainPath(tenant, span, { limit: 1, zone }), { fresh: true });
  const buckets = x.data?.steps.find((s) => s.buckets)?.buckets;
  const counts = x.data?.steps.find((s) => s.events)?.events?.counts;
  const last = buckets?.[buckets.length - 1];
  return (
    <>
      <Lines>
        {[
          exact(b.used) + (toNumber(b.reserved) > 0 ? " + " + exact(b.reserved) + " reserved" : "") + (from === null ? "" : " since " + moment(from, zone)),
          buckets && last && "up to " + clock(to, zone) + " in " + count(buckets.length, "part") + ", the last " + exact(last.value),
          ...(counts ? countLines(counts) : []),
        ]}
      </Lines>
      {span && !x.data && !x.error && <div className="skeleton" aria-busy="true" style={{ height: 36, margin: "4px 0" }} />}
      {span && (
        <button type="button" className="btn small" onClick={() => go(span)}>
          Explain this number
        </button>
      )}
    </>
  );
}

// rowWords say the rows of the decision table.
const rowWords: Record<string, string> = {
  "1": "more than the whole quota: block, it could never be allowed",
  "2": "beyond the limit and its overage: block",
  "3": "over the limit, and the grace period has ended: block",
  "4": "more than the rate has left: block until it refills",
  "5": "over the limit, within the overage: overage",
  "6": "beyond the throttling level: delayed",
  "6b": "beyond the throttling level, and the delay would be too long: block",
  "7": "beyond the warning level: warn",
  "8": "within the limit: allow",
};

// sum is the comparison that the row of the decision table made, with its figures. The levels of rows 6 and 7 are shares of the limit;
// the rule says them in words.
function sum({ before: b, cost, row }: ExplainQuota, overage: Num | undefined): string {
  const after = exact(b.used) + (toNumber(b.reserved) > 0 ? " + " + exact(b.reserved) : "") + " + " + exact(cost);
  const cap = b.limit === null || overage === "unlimited" ? null : exact(add(b.limit, overage ?? 0));
  if (b.period === "rate") return exact(cost) + (row === "1" ? " > " + exact(b.limit) : row === "4" ? " > " + exact(b.remaining) + " left" : " of " + exact(b.remaining) + " left");
  if (row === "1") return exact(cost) + " > " + (cap ?? exact(b.limit));
  if (row === "2") return after + " > " + (cap ?? exact(b.limit));
  if (row === "3" || row === "5") return after + " > " + exact(b.limit);
  return after + " = " + exact(add(add(b.used, b.reserved), cost)) + (b.limit === null ? "" : " of " + exact(b.limit));
}
