// One tenant: what it may use, what it used, why, and what to change.

import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { curl, path } from "../../api/client";
import { explained, explainName } from "../../api/explanation";
import { useAll, useGet } from "../../api/hooks";
import type { Meter, Plan, QuotaStatus, Settings, Tenant } from "../../api/types";
import { adds, meterName, quotasPath, useQuotas, useUsage } from "../../api/usage";
import { crossingOf, running, windowOf } from "../../chart/period";
import { add, amount, toNumber } from "../../lib/number";
import { byUrgency, isNear, overageOf } from "../../lib/quota";
import { day, moment, span } from "../../lib/time";
import { useParams1, useSetSearch, useView } from "../../shell/view";
import { CopyButton, Empty, ErrorState, Loaded, Loading, Tag } from "../../ui/parts";
import { Audit } from "../audit";
import { Advice } from "./advice";
import { Breakdown } from "./breakdown";
import { PeriodChart } from "./chart";
import { useCrossings } from "./crossings";
import { Denials } from "./denials";
import { Explain, useBeside } from "./explain";
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
  const over = list.find((q) => q.exceeded && q.mode !== "shadow");
  const beside = useBeside();
  const explain = search.explain ? (
    <Explain tenant={tenant} what={explained(search.explain)} meters={meters.data ?? []} zone={view.zone} go={(x) => set({ explain: explainName(x) }, false)} onClose={() => set({ explain: undefined })} />
  ) : null;
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
            {tenant.pending_plan && " · " + tenant.pending_plan.plan + " from " + (/^\d/.test(tenant.pending_plan.effective ?? "") ? moment(tenant.pending_plan.effective!, view.zone) : "the period's end")}
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
                <QuotaCard key={q.quota} quota={q} tenant={tenant} unit={meters.data?.find((m) => m.slug === q.meter)?.unit} adds={adds(meters.data?.find((m) => m.slug === q.meter)?.aggregation ?? "")} zone={view.zone} now={view.now} picked={q === quota} onPick={() => set({ quota: q.quota, meter: undefined })} onExplain={explainable(q) ? () => set({ explain: explainName({ meter: q.meter, from: Date.parse(q.period_start!), to: Date.parse(q.reset_at!) }) }, false) : undefined} />
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
          <Audit tenant={tenant.id} size={8} />
        </div>
        <div className="stack" hidden={explain !== null && beside}>
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
        {beside && explain}
      </div>
      {!beside && explain}
      {dialog === "plan" && <PlanChangeDialog tenants={[tenant]} onClose={() => setDialog("")} />}
      {dialog === "edit" && <TenantForm tenant={tenant} onClose={() => setDialog("")} />}
      {dialog === "portal" && <PortalLink tenant={tenant} onClose={() => setDialog("")} />}
    </>
  );
}

// explainable tells whether a quota's figure is that of its meter in a period; the others are of moments.
const explainable = (q: QuotaStatus) => q.period_start !== null && q.reset_at !== null && q.scope === "tenant" && !/^(rate|sliding|lifetime|first_use)/.test(q.period);

// dayOf is ", day 23" of a period of days.
function dayOf(q: QuotaStatus, now: number): string {
  const start = Date.parse(q.period_start!);
  const length = Date.parse(q.reset_at!) - start;
  return length > 2 * 86_400_000 ? ", day " + (Math.floor((now - start) / 86_400_000) + 1) : "";
}

// OverBanner says what is over, or else what is nearly used up, with the way to a bigger plan when the settings name one.
function OverBanner({ tenant, quotas, zone, raise, meters }: { tenant: Tenant; quotas: QuotaStatus[]; zone: string; raise: (quota: string) => void; meters: Meter[] }) {
  const settings = useGet<Settings>("v1/settings");
  const plan = useGet<Plan>(tenant.plan ? path`v1/plans/${tenant.plan}` : null);
  const over = quotas.find((x) => x.exceeded && x.mode !== "shadow") ?? quotas.find((x) => x.decision === "block" && x.mode === "enforce" && toNumber(x.limit) > 0 && x.period !== "rate");
  const q = over ?? quotas.find((x) => isNear(x) && x.period !== "rate" && x.mode !== "shadow");
  const meter = meters.find((m) => m.slug === q?.meter);
  const since = useCrossed(tenant, over, meter, zone);
  if (!q) return null;
  const unit = meter?.unit;
  const name = meter ? meterName(meter) : q.meter;
  return (
    <div className={"banner" + (over ? "" : " warn")} role="status" style={{ marginBottom: 16 }}>
      <span>{over ? overText(q, name, tenant, plan.data, since, unit) : `${name}: ${amount(q.remaining, unit)} left of ${amount(q.limit, unit)}${q.reset_at ? " until " + moment(q.reset_at, zone) : ""}.`}</span>
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

// useCrossed says when the limit was passed: to the minute when the log saw it happen, to the day when the usage came in later.
function useCrossed(tenant: Tenant, q: QuotaStatus | undefined, meter: Meter | undefined, zone: string): string {
  const crossings = useCrossings(tenant.id);
  const logged = q && crossings(q, 100)?.time;
  const whole = q && meter && adds(meter.aggregation) && q.period_start !== null && q.reset_at !== null && q.limit !== null;
  const [from, to] = whole ? [Date.parse(q.period_start!), Date.parse(q.reset_at!)] : [0, 0];
  const usage = useUsage(whole ? { meter: meter.slug, tenant: tenant.id, span: { from, to, window: windowOf(to - from) }, zone } : null);
  if (!whole) return logged ? moment(logged, zone) : "";
  const at = usage.data && crossingOf(running(usage.data, { from, to, window: "day" }, Date.now()).used, toNumber(q.limit), logged ? Date.parse(logged) : null);
  return at ? (at.exact ? moment(at.at, zone) : day(at.at, zone)) : "";
}

function overText(q: QuotaStatus, name: string, tenant: Tenant, plan: Plan | undefined, since: string, unit: string | undefined): string {
  const overage = overageOf(tenant, plan, q.quota);
  const room = overage === undefined || overage === "unlimited" || q.mode !== "enforce" ? "" : " up to " + amount(add(q.limit!, overage), unit);
  const left = q.decision === "block" && q.mode === "enforce" ? " Requests are refused." : q.exceeded ? " Usage continues as overage" + room + "." : "";
  const by = toNumber(q.overage_used) > 0 ? " Over by " + amount(q.overage_used, unit) + "." : "";
  return `${name} ${q.exceeded ? "passed" : "reached"} its limit of ${amount(q.limit, unit)}${since ? " on " + since : ""}.${by}${left}`;
}
