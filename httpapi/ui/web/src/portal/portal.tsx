// A customer's own page: how much is left, when does it stop. (What it costs comes with billing.)

import { useEffect, useState, useSyncExternalStore } from "react";
import { auth, path } from "../api/client";
import { useGet } from "../api/hooks";
import { live } from "../api/live";
import type { QuotaStatus, Summary } from "../api/types";
import { useForecast } from "../api/usage";
import { amount, exact, toNumber } from "../lib/number";
import { byUrgency, forecastOf, gaugeLabel, isNear, limitWords, quotaWords, resets } from "../lib/quota";
import { Gauge } from "../ui/gauge";
import { ErrorState, Loading, Segmented, Stale } from "../ui/parts";
import { PortalUsage } from "./usage";
import { hero, inBrief, notice, outlook, paces, type Case } from "./words";

export function Portal({ tenant }: { tenant: string | null }) {
  const session = useSyncExternalStore(auth.watch, auth.session);
  useEffect(() => {
    if (!tenant || session !== "open") return;
    live.start();
    return live.stop;
  }, [tenant, session]);
  if (!tenant || session !== "open") {
    return (
      <main className="center">
        <div className="card" style={{ width: "min(420px, 100%)" }}>
          <div className="state">
            <h1>{session === "expired" ? "This page has ended" : "This page opens with a link"}</h1>
            <p>{session === "expired" ? "Its link was good for a limited time. Go back to where you came from and open it again." : "Open it from your account, where you see your usage."}</p>
          </div>
        </div>
      </main>
    );
  }
  return <Page tenant={tenant} />;
}

// search keeps the choices of the page in its address.
function useChoice(name: string): [string, (v: string) => void] {
  const [value, setValue] = useState(() => new URLSearchParams(location.search).get(name) ?? "");
  return [
    value,
    (v) => {
      const q = new URLSearchParams(location.search);
      if (v) q.set(name, v);
      else q.delete(name);
      history.replaceState(null, "", location.pathname + (q.size ? "?" + q : ""));
      setValue(v);
    },
  ];
}

function Page({ tenant }: { tenant: string }) {
  const summary = useGet<Summary>(path`v1/tenants/${tenant}/summary`);
  const [which, setWhich] = useChoice("period");
  const [chosen, choose] = useChoice("quota");
  const s = summary.data;
  useEffect(() => {
    document.title = s ? "Usage · " + s.tenant.name : "Usage";
  }, [s]);
  if (!s) return <main className="portal">{summary.error ? <div className="card"><ErrorState error={summary.error} retry={() => void summary.refetch()} /></div> : <Loading height={420} />}</main>;
  const quotas = s.quotas.filter((q) => q.period !== "rate" && q.scope === "tenant" && q.mode !== "shadow").sort(byUrgency);
  const q = quotas.find((x) => x.quota === chosen) ?? quotas[0];
  const last = which === "last";
  return (
    <main className="portal">
      <header className="row apart wrap" style={{ marginBottom: 28 }}>
        <div className="row tight" style={{ minWidth: 0 }}>
          <span className="mark" aria-hidden="true" />
          <div className="row tight base wrap" style={{ minWidth: 0 }}>
            <h1 style={{ fontSize: 15 }} dir="auto">
              {s.tenant.name}
            </h1>
            {s.plan && <span className="sub any">{s.plan.name}</span>}
          </div>
        </div>
        <Segmented
          label="Period"
          value={last ? "last" : "this"}
          options={[
            { value: "this", label: "This period" },
            { value: "last", label: "Last period" },
          ]}
          onChange={(v) => setWhich(v === "last" ? v : "")}
        />
      </header>
      {summary.error && <Stale error={summary.error} retry={() => void summary.refetch()} />}
      {q ? <Hero quota={q} summary={s} /> : <p className="sub">Nothing here has a limit.</p>}
      <PortalUsage summary={s} quota={q} last={last}>
        {quotas.length > 1 && (
          <div className="quotas">
            {quotas
              .filter((x) => x !== q)
              .map((x) => (
                <Card key={x.quota} quota={x} summary={s} onPick={() => choose(x.quota)} />
              ))}
          </div>
        )}
      </PortalUsage>
      <p className="sub num" style={{ marginTop: 20 }}>
        {s.denials.last_24h > 0 && exact(s.denials.last_24h) + (s.denials.last_24h === 1 ? " request was" : " requests were") + " refused in the last 24 hours. "}
        {paces(s.terms, s.quotas).map((p) => p + " ")}
        Times are those of {s.time_zone}.
      </p>
    </main>
  );
}

const caseOf = (q: QuotaStatus, s: Summary): Case => ({ quota: q, terms: s.terms.find((t) => t.quota === q.quota), zone: s.time_zone, now: Date.now() });

function Hero({ quota: q, summary: s }: { quota: QuotaStatus; summary: Summary }) {
  const c = caseOf(q, s);
  const m = c.terms;
  const adds = m?.aggregation === "sum" || m?.aggregation === "count";
  const answer = useForecast(s.tenant.id, adds && q.limit !== null && q.reset_at ? q.meter : null);
  const f = answer.data?.quota === q.quota ? answer.data : undefined;
  const h = hero(c);
  const words = quotaWords(q, s.time_zone, c.now, m?.unit, f);
  const says = notice(c, f);
  const later = outlook(c);
  return (
    <>
      <div className="sub">{h.label}</div>
      <div className="hero num" title={h.exact}>
        {h.value} <small>{h.rest}</small>
      </div>
      {q.limit !== null && (
        <>
          <div style={{ margin: "18px 0 6px" }}>
            <Gauge used={q.used} limit={q.limit} reserved={q.reserved} forecast={forecastOf(f)} near={isNear(q)} height={16} label={gaugeLabel(q, words, m?.unit)} />
          </div>
          <div className="row apart sub num">
            <span title={exact(q.used)}>
              {amount(q.used, m?.unit)} used{toNumber(q.reserved) > 0 && ", " + amount(q.reserved, m?.unit) + " reserved"}
            </span>
            <span title={exact(q.limit)}>included {amount(q.limit, m?.unit)}</span>
          </div>
        </>
      )}
      {later && <p className="sub num outlook">{later}</p>}
      {says && (
        <div className={"banner" + (says.tone === "warn" ? " warn" : "")} role="status" style={{ marginTop: 22 }}>
          <span>{says.text}</span>
          {s.upgrade_url && (
            <a className="btn" href={s.upgrade_url} target="_blank" rel="noopener noreferrer">
              Upgrade plan
            </a>
          )}
        </div>
      )}
    </>
  );
}

function Card({ quota: q, summary: s, onPick }: { quota: QuotaStatus; summary: Summary; onPick: () => void }) {
  const c = caseOf(q, s);
  const m = c.terms;
  const words = inBrief(c, quotaWords(q, s.time_zone, Date.now(), m?.unit));
  return (
    <button type="button" className="card quota pick" onClick={onPick}>
      <span className="row apart">
        <span className="sub cut">{m?.meter_name ?? q.meter}</span>
        <span className="sub num">{resets(q, s.time_zone, Date.now())}</span>
      </span>
      <span className="row base wrap figure">
        <span className={"v num" + (amount(q.used, m?.unit).length > 16 ? " long" : "")} title={exact(q.used)}>
          {amount(q.used, m?.unit)}
        </span>
        <span className="of num">{limitWords(q.limit, m?.unit)}</span>
      </span>
      <Gauge used={q.used} limit={q.limit} reserved={q.reserved} near={isNear(q)} label={gaugeLabel(q, words, m?.unit)} />
      <span className={"say num " + words.tone}>{words.text}</span>
    </button>
  );
}
