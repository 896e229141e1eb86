// One tenant: what it may use, what it used, why, and what to change.

import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { curl, path } from "../../api/client";
import { useAll, useGet } from "../../api/hooks";
import type { Meter, Plan, QuotaStatus, Settings, Tenant } from "../../api/types";
import { adds, quotasPath, useQuotas } from "../../api/usage";
import { add, amount, exact, toNumber } from "../../lib/number";
import { byUrgency, overageOf } from "../../lib/quota";
import { moment, span } from "../../lib/time";
import { useParams1, useSetSearch, useView } from "../../shell/view";
import { CopyButton, Empty, ErrorState, Loaded, Loading, Tag } from "../../ui/parts";
import { Advice } from "./advice";
import { Breakdown } from "./breakdown";
import { PeriodChart } from "./chart";
import { useCrossings } from "./crossings";
import { Denials } from "./denials";
import { Explain } from "./explain";
import { TenantForm } from "./form";
import { Overrides } from "./overrides";
import { PlanChangeDialog } from "./planchange";
import { PortalLink } from "./portallink";
import { QuotaCard } from "./quotacard";

export function TenantPage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const tenant = useGet<Tenant>(path`v1/tenants/${id}`, { fresh: true });
  if (tenant.error && !tenant.data) {
    return (
      <div className="card">
        <ErrorState error={tenant.error} retry={() => void tenant.refetch()} />
        <p className="pad">
          <Link to="/tenants" className="link">
            All tenants
          </Link>
        </p>
      </div>
    );
  }
  return tenant.data ? <Body key={id} tenant={tenant.data} /> : <Loading height={320} />;
}

function Body({ tenant }: { tenant: Tenant }) {
  const view = useView({ range: "period", zone: tenant.time_zone });
  const search = useParams1();
  const set = useSetSearch();
  const quotas = useQuotas(tenant.id);
  const meters = useAll<Meter>("v1/meters");
  const [dialog, setDialog] = useState<"" | "plan" | "edit" | "portal">("");
  const list = [...(quotas.data?.data ?? [])].sort(byUrgency);
  const picked = list.find((q) => q.quota === search.quota) ?? list.find((q) => q.period !== "rate") ?? list[0];
  const slug = search.meter ?? picked?.meter ?? meters.data?.find((m) => m.slug === "api_calls")?.slug ?? meters.data?.[0]?.slug;
  const meter = meters.data?.find((m) => m.slug === slug);
  const quota = picked && picked.meter === slug ? picked : list.find((q) => q.meter === slug && q.period !== "rate");
  const over = list.find((q) => q.exceeded);
  return (
    <>
      <div className="title">
        <div style={{ minWidth: 0 }}>
          <div className="sub">
            <Link to="/tenants">Tenants</Link> /
          </div>
          <div className="row tight wrap">
            <h1 dir="auto">{tenant.name}</h1>
            {tenant.plan ? <Tag>{tenant.plan + (tenant.plan_version ? " v" + tenant.plan_version : "")}</Tag> : <Tag>no plan</Tag>}
            {over && <Tag tone="over">over limit</Tag>}
          </div>
          <div className="sub num any">
            {tenant.id}
            {quota?.period_start && quota.reset_at && " · Period " + span(quota.period_start, quota.reset_at, view.zone) + dayOf(quota, view.now)} · {tenant.time_zone}
            {tenant.pending_plan && " · " + tenant.pending_plan.plan + " from " + (/^\d/.test(tenant.pending_plan.effective) ? moment(tenant.pending_plan.effective, view.zone) : "the period's end")}
          </div>
        </div>
        <div className="row tight wrap">
          <CopyButton small={false} text={() => curl(quotasPath(tenant.id))}>
            Copy as curl
          </CopyButton>
          <button type="button" className="btn" onClick={() => setDialog("edit")}>
            Edit
          </button>
          <button type="button" className="btn" onClick={() => setDialog("portal")}>
            View as customer
          </button>
          <button type="button" className="btn pri" onClick={() => setDialog("plan")}>
            Change plan
          </button>
        </div>
      </div>
      <OverBanner tenant={tenant} quotas={list} zone={view.zone} raise={(q) => set({ override: q })} meters={meters.data ?? []} />
      <Loaded query={quotas} height={110}>
        {() =>
          list.length === 0 ? (
            <div className="card" style={{ marginBottom: 16 }}>
              <Empty title="No quota limits this tenant">
                <p className="sub">Put it on a plan with quotas, or add an override below.</p>
              </Empty>
            </div>
          ) : (
            <div className="quotas">
              {list.map((q) => (
                <QuotaCard key={q.quota} quota={q} tenant={tenant} unit={meters.data?.find((m) => m.slug === q.meter)?.unit} adds={adds(meters.data?.find((m) => m.slug === q.meter)?.aggregation ?? "")} zone={view.zone} now={view.now} picked={q === quota} onPick={() => set({ quota: q.quota, meter: undefined })} />
              ))}
            </div>
          )
        }
      </Loaded>
      <div className="with-aside">
        <div className="stack">
          {meter && <PeriodChart tenant={tenant} meter={meter} meters={meters.data ?? []} quota={quota} view={view} />}
          {meter && <Breakdown tenant={tenant} meter={meter} quota={quota} view={view} />}
          <Denials tenant={tenant} zone={view.zone} />
        </div>
        <div className="stack">
          <Advice tenant={tenant} />
          <Overrides tenant={tenant} quotas={list} zone={view.zone} />
          <dl className="card pad facts" aria-label="About">
            <dt>Zone</dt>
            <dd>{tenant.time_zone}</dd>
            <dt>Billing anchor</dt>
            <dd className="num">{tenant.billing_anchor ? moment(tenant.billing_anchor, view.zone) : "first of the month"}</dd>
            {tenant.stripe_customer_id && (
              <>
                <dt>Stripe customer</dt>
                <dd className="mono">{tenant.stripe_customer_id}</dd>
              </>
            )}
            <dt>Events</dt>
            <dd>
              <Link to="/events" search={{ tenant: tenant.id }} className="link">
                All of this tenant
              </Link>
            </dd>
          </dl>
        </div>
      </div>
      {dialog === "plan" && <PlanChangeDialog tenants={[tenant]} onClose={() => setDialog("")} />}
      {dialog === "edit" && <TenantForm tenant={tenant} onClose={() => setDialog("")} />}
      {dialog === "portal" && <PortalLink tenant={tenant} onClose={() => setDialog("")} />}
      {search.explain && <Explain tenant={tenant} what={search.explain} zone={view.zone} onClose={() => set({ explain: undefined })} />}
    </>
  );
}

// dayOf is ", day 23" of a period of days.
function dayOf(q: QuotaStatus, now: number): string {
  const start = Date.parse(q.period_start!);
  const length = Date.parse(q.reset_at!) - start;
  return length > 2 * 86_400_000 ? ", day " + (Math.floor((now - start) / 86_400_000) + 1) : "";
}

function OverBanner({ tenant, quotas, zone, raise, meters }: { tenant: Tenant; quotas: QuotaStatus[]; zone: string; raise: (quota: string) => void; meters: Meter[] }) {
  const settings = useGet<Settings>("v1/settings");
  const crossings = useCrossings(tenant.id);
  const plan = useGet<Plan>(tenant.plan ? path`v1/plans/${tenant.plan}` : null);
  const q = quotas.find((x) => x.exceeded) ?? quotas.find((x) => x.decision === "block" && x.mode === "enforce" && toNumber(x.limit) > 0 && x.period !== "rate");
  if (!q) return null;
  const at = crossings(q, 100);
  const unit = meters.find((m) => m.slug === q.meter)?.unit;
  const overage = overageOf(tenant, plan.data, q.quota);
  const room = overage === "unlimited" || q.mode !== "enforce" ? "" : " up to " + amount(add(q.limit!, overage ?? 0), unit);
  const left = q.decision === "block" && q.mode === "enforce" ? " Requests are refused." : q.exceeded ? " Usage continues as overage" + room + "." : "";
  return (
    <div className="banner" role="status" style={{ marginBottom: 16 }}>
      <span>
        {q.meter} {q.exceeded ? "passed" : "reached"} its limit of {amount(q.limit, unit)}
        {at ? " on " + moment(at.time, zone) : ""}.{toNumber(q.overage_used) > 0 ? " Over by " + exact(q.overage_used) + "." : ""}
        {left}
      </span>
      <span className="row tight">
        {settings.data?.upgrade_url && (
          <a className="btn small" href={settings.data.upgrade_url} target="_blank" rel="noreferrer noopener">
            Upgrade page
          </a>
        )}
        <button type="button" className="btn small" onClick={() => raise(q.quota)}>
          Raise limit
        </button>
      </span>
    </div>
  );
}
