// Plans: a matrix of what each allows, and one plan with its quotas, versions and tenants.

import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useChange } from "../api/change";
import { curl, path, withQuery } from "../api/client";
import { useAll } from "../api/hooks";
import type { Meter, Plan, Quota } from "../api/types";
import { meterName } from "../api/usage";
import { amount, count, exact } from "../lib/number";
import { limitText, periodText } from "../lib/plandraft";
import { moment, wordedLength } from "../lib/time";
import { useParams1, useSetSearch, useView } from "../shell/view";
import { Confirm, Dialog } from "../ui/dialog";
import { Card, CopyButton, Empty, Loaded, Tag } from "../ui/parts";
import { PlanEditor } from "./planeditor";

export function Plans() {
  const search = useParams1();
  const set = useSetSearch();
  const plans = useAll<Plan>("v1/plans");
  const meters = useAll<Meter>("v1/meters");
  const live = (plans.data ?? []).filter((p) => !p.archived);
  const chosen = live.find((p) => p.slug === search.plan);
  const edited = search.edit === "new" ? undefined : live.find((p) => p.slug === search.edit);
  return (
    <>
      <div className="title">
        <div>
          <h1>Plans &amp; quotas</h1>
          <div className="sub num">{plans.data ? count(live.length, "plan") : " "}</div>
        </div>
        <div className="row tight wrap">
          <CopyButton small={false} text={() => curl("v1/plans")}>
            Copy as curl
          </CopyButton>
          <button type="button" className="btn pri" onClick={() => set({ edit: "new" }, false)}>
            New plan
          </button>
        </div>
      </div>
      <Card label="Plans and their quotas">
        <Loaded query={plans} height={260}>
          {() =>
            live.length === 0 ? (
              <Empty title="No plans yet">
                <p className="sub">A plan is a set of quotas. Tenants without one have no limits.</p>
                <button type="button" className="btn small" onClick={() => set({ edit: "new" }, false)}>
                  Create the first plan
                </button>
              </Empty>
            ) : (
              <Matrix plans={live} meters={meters.data ?? []} />
            )
          }
        </Loaded>
      </Card>
      {chosen && !search.edit && <Detail plan={chosen} meters={meters.data ?? []} onClose={() => set({ plan: undefined })} />}
      {search.edit && plans.data && (search.edit === "new" || edited) && <PlanEditor key={search.edit} plan={edited} meters={meters.data ?? []} onClose={() => set({ edit: undefined })} />}
    </>
  );
}

// Matrix has a column for each plan and a row for each meter that any of them limits.
function Matrix({ plans, meters }: { plans: Plan[]; meters: Meter[] }) {
  const set = useSetSearch();
  const slugs = [...new Set(plans.flatMap((p) => p.quotas.map((q) => q.meter)))].sort();
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Limits by meter and plan">
      <table>
        <thead>
          <tr>
            <th>Meter</th>
            {plans.map((p) => (
              <th key={p.slug}>
                <button type="button" className="textual planname" onClick={() => set({ plan: p.slug }, false)}>
                  {p.name || p.slug}
                </button>
                <span className="sub num planof">
                  v{p.version} · {count(p.tenants ?? 0, "tenant")}
                </span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {slugs.map((slug) => {
            const m = meters.find((x) => x.slug === slug);
            return (
              <tr key={slug}>
                <td>
                  <b>{m ? meterName(m) : slug}</b>
                </td>
                {plans.map((p) => (
                  <td key={p.slug}>
                    {p.quotas.filter((q) => q.meter === slug).map((q) => (
                      <QuotaCell key={q.slug} quota={q} unit={m?.unit} />
                    ))}
                    {!p.quotas.some((q) => q.meter === slug) && <span className="sub">–</span>}
                  </td>
                ))}
              </tr>
            );
          })}
          {slugs.length === 0 && (
            <tr>
              <td className="sub" colSpan={plans.length + 1}>
                No plan has a quota.
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

function QuotaCell({ quota: q, unit }: { quota: Quota; unit?: string }) {
  return (
    <div className="num quotacell">
      <span title={q.rate ? undefined : exact(q.limit)}>{limitText(q, unit)}</span> {!q.rate && q.limit != null && <span className="sub">{periodText(q)}</span>}
      {q.overage != null && q.overage !== 0 && <span className="sub"> + {q.overage === "unlimited" ? "any overage" : amount(q.overage, unit) + " overage"}</span>}
      {q.grace_period != null && <span className="sub"> for {wordedLength(q.grace_period)}</span>}
      {q.throttle_at != null && <span className="sub"> · slowed down from {Number((Number(q.throttle_at) * 100).toFixed(4))} %</span>}
      {q.mode && q.mode !== "enforce" && <span className="sub"> · {q.mode}</span>}
      {q.scope === "user" && <span className="sub"> · per user</span>}
    </div>
  );
}

function Detail({ plan, meters, onClose }: { plan: Plan; meters: Meter[]; onClose: () => void }) {
  const view = useView();
  const set = useSetSearch();
  const [archiving, setArchiving] = useState(false);
  const change = useChange();
  const versions = useAll<Plan>(path`v1/plans/${plan.slug}/versions`);
  const archive = async () => {
    if (await change.run(path`v1/plans/${plan.slug}`, { method: "DELETE" }, ["v1/plans", "v1/audit"])) onClose();
  };
  return (
    <Dialog kind="side" title={plan.name || plan.slug} onClose={onClose}>
      <div className="body">
        <div className="row tight wrap">
          <button type="button" className="btn pri" onClick={() => set({ edit: plan.slug })}>
            Edit
          </button>
          <Link to="/tenants" search={{ plan: plan.slug }} className="btn">
            Its tenants
          </Link>
          <CopyButton small={false} text={() => curl(withQuery(path`v1/plans/${plan.slug}`))}>
            Copy as curl
          </CopyButton>
          <button type="button" className="btn danger" onClick={() => setArchiving(true)}>
            Archive
          </button>
        </div>
        <div className="rule">
          {plan.quotas.map((q) => (
            <div key={q.slug} style={{ padding: "8px 0" }}>
              <div className="row apart">
                <b>{q.slug}</b>
                <span className="sub">{q.meter}</span>
              </div>
              <QuotaCell quota={q} unit={meters.find((m) => m.slug === q.meter)?.unit} />
            </div>
          ))}
          {plan.quotas.length === 0 && <p className="sub">No quota: nothing is limited.</p>}
        </div>
        <div>
          <h3>Versions</h3>
          <Loaded query={versions} height={60}>
            {(list) => (
              <div className="rule">
                {[...list].reverse().map((v) => (
                  <div key={v.version} className="row apart" style={{ padding: "6px 0" }}>
                    <span className="num">
                      v{v.version} <span className="sub">{v.created_at && moment(v.created_at, view.zone)}</span>
                    </span>
                    <Tag tone={v.tenants ? "ok" : undefined}>{count(v.tenants ?? 0, "tenant")}</Tag>
                  </div>
                ))}
              </div>
            )}
          </Loaded>
        </div>
        <p className="sub">Prices come with billing, in a later version: this one limits and does not bill.</p>
      </div>
      {archiving && (
        <Confirm title={"Archive " + plan.slug + "?"} action="Archive plan" busy={change.busy} error={change.error} onConfirm={() => void archive()} onClose={() => setArchiving(false)}>
          <p>No tenant can be put on it any more. A plan that a tenant is on is not archived.</p>
        </Confirm>
      )}
    </Dialog>
  );
}
