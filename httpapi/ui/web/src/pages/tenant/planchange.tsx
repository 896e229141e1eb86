// Another plan for one tenant or several: what would be over is shown before anything is saved.

import { useState } from "react";
import { path } from "../../api/client";
import { useAll, useGet } from "../../api/hooks";
import { useChange } from "../../api/change";
import type { Meter, Plan, Quota, Tenant } from "../../api/types";
import { useQuotas } from "../../api/usage";
import { amount, exact, toNumber } from "../../lib/number";
import { localZone } from "../../lib/time";
import { Dialog, Field, FormError } from "../../ui/dialog";
import { Tag } from "../../ui/parts";

export function PlanChangeDialog({ tenants, onClose }: { tenants: Tenant[]; onClose: (done: boolean) => void }) {
  const plans = useAll<Plan>("v1/plans");
  const only = tenants.length === 1 ? tenants[0] : undefined;
  const [plan, setPlan] = useState(only?.plan ?? "");
  const [when, setWhen] = useState<"now" | "period_end" | "date">("now");
  const [date, setDate] = useState("");
  const [done, setDone] = useState(0);
  const change = useChange();
  const target = plans.data?.find((p) => p.slug === plan);
  const submit = async () => {
    const effective = when === "date" ? new Date(date).toISOString() : when;
    for (const t of tenants.slice(done)) {
      if (!(await change.run(path`v1/tenants/${t.id}/plan`, { method: "POST", body: { plan, effective } }, ["v1/tenants", "v1/plans", "v1/audit"]))) return;
      setDone((n) => n + 1);
    }
    onClose(true);
  };
  return (
    <Dialog
      kind={only ? "wide" : ""}
      title={only ? "Change the plan of " + only.name : "Change the plan of " + exact(tenants.length) + " tenants"}
      onClose={() => onClose(false)}
      onSubmit={() => void submit()}
      footer={
        <>
          <button type="button" className="btn" onClick={() => onClose(false)}>
            Cancel
          </button>
          <button type="submit" className="btn pri" disabled={change.busy || !plan || (when === "date" && !date)}>
            Change plan
          </button>
        </>
      }
    >
      <div className="body">
        <div className="fields">
          <Field label="Plan" error={change.error?.field("/plan")}>
            <select className="input" value={plan} required onChange={(e) => setPlan(e.target.value)}>
              <option value="">Choose a plan</option>
              {(plans.data ?? []).map((p) => (
                <option key={p.slug} value={p.slug}>
                  {(p.name || p.slug) + " v" + p.version}
                </option>
              ))}
            </select>
          </Field>
          <Field label="From" error={change.error?.field("/effective")}>
            <select className="input" value={when} onChange={(e) => setWhen(e.target.value as "now")}>
              <option value="now">Now</option>
              <option value="period_end">End of the billing period</option>
              <option value="date">A date</option>
            </select>
          </Field>
          {when === "date" && (
            <Field label="Date and time" hint={"In your zone, " + localZone()}>
              <input className="input" type="datetime-local" required value={date} onChange={(e) => setDate(e.target.value)} />
            </Field>
          )}
        </div>
        <p className="sub">What was used in the open period is kept. Overrides stay as they are.</p>
        {only && target && <Preview tenant={only} plan={target} />}
        {done > 0 && done < tenants.length && (
          <p className="sub num">
            {done} of {tenants.length} changed
          </p>
        )}
        <FormError error={change.error} />
      </div>
    </Dialog>
  );
}

// Preview lays the plan's limits beside what is used now.
function Preview({ tenant, plan }: { tenant: Tenant; plan: Plan }) {
  const quotas = useQuotas(tenant.id);
  const current = useGet<Plan>(tenant.plan ? path`v1/plans/${tenant.plan}` : null);
  const was = (q: Quota) => current.data?.quotas.find((x) => x.slug === q.slug || x.meter === q.meter);
  const used = (q: Quota) => quotas.data?.data.find((x) => x.meter === q.meter && x.scope === "tenant" && x.period !== "rate");
  const meters = useAll<Meter>("v1/meters");
  const unit = (q: Quota) => meters.data?.find((m) => m.slug === q.meter)?.unit;
  const rows = plan.quotas.filter((q) => !q.rate);
  // What only the plan of now limits is not limited any more.
  const gone = (current.data?.quotas ?? []).filter((q) => !q.rate && q.limit != null && !rows.some((r) => r.slug === q.slug || r.meter === q.meter));
  if (rows.length === 0) return <p className="sub">This plan has no quota with a limit over a period.</p>;
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            <th>Quota</th>
            <th className="r">Limit now</th>
            <th className="r">Then</th>
            <th className="r">Used</th>
            <th>
              <span className="hidden">Result</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((q) => {
            const u = used(q);
            const over = u && q.limit != null && toNumber(u.used) > toNumber(q.limit);
            const before = was(q);
            return (
              <tr key={q.slug}>
                <td>{q.slug}</td>
                <td className="r num">{before ? (before.limit == null ? "no limit" : amount(before.limit, unit(q))) : "–"}</td>
                <td className="r num">{q.limit == null ? "no limit" : amount(q.limit, unit(q))}</td>
                <td className="r num" title={u ? exact(u.used) : undefined}>
                  {u ? amount(u.used, unit(q)) : "–"}
                </td>
                <td>{over && <Tag tone="over">over at once</Tag>}</td>
              </tr>
            );
          })}
          {gone.map((q) => (
            <tr key={q.slug}>
              <td>{q.slug}</td>
              <td className="r num">{amount(q.limit, unit(q))}</td>
              <td className="r">no limit</td>
              <td className="r num">{used(q) ? amount(used(q)!.used, unit(q)) : "–"}</td>
              <td />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
