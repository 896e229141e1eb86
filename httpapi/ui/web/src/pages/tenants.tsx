// All tenants: search, filters, and for each its fullest quota. Only the rows in sight exist, whatever the length of the list.

import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import { curl, withQuery } from "../api/client";
import { useAll, usePages } from "../api/hooks";
import type { Meter, Plan, Tenant } from "../api/types";
import { useQuotas } from "../api/usage";
import { exact } from "../lib/number";
import { byUrgency, gaugeLabel, isNear, quotaWords } from "../lib/quota";
import { useParams1, useSetSearch, useView } from "../shell/view";
import { csv, save } from "../ui/download";
import { Gauge } from "../ui/gauge";
import { CopyButton, Empty, ErrorState, Loading, Stale, Tag } from "../ui/parts";
import { PlanChangeDialog } from "./tenant/planchange";
import { TenantForm } from "./tenant/form";

export function Tenants() {
  const search = useParams1();
  const set = useSetSearch();
  const [text, setText] = useState(search.q ?? "");
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [moving, setMoving] = useState(false);
  const plans = useAll<Plan>("v1/plans");
  const to = withQuery("v1/tenants", { q: search.q, plan: search.plan, near_limit: search.near ? "true" : undefined });
  const list = usePages<Tenant>(to, 200);
  useEffect(() => {
    const t = setTimeout(() => text !== (search.q ?? "") && set({ q: text || undefined }), 200);
    return () => clearTimeout(t);
  });
  const pick = (id: string) => {
    const next = new Set(picked);
    if (!next.delete(id)) next.add(id);
    setPicked(next);
  };
  return (
    <>
      <div className="title">
        <div>
          <h1>Tenants</h1>
          <div className="sub num">{list.data ? exact(list.rows.length) + (list.hasNextPage ? "+" : "") + " shown" : " "}</div>
        </div>
        <div className="row tight wrap">
          <CopyButton small={false} text={() => curl(to)}>
            Copy as curl
          </CopyButton>
          <button type="button" className="btn pri" onClick={() => set({ new: "1" })}>
            New tenant
          </button>
        </div>
      </div>
      <section className="card" aria-label="Tenants">
        <div className="pad row tight wrap">
          <input className="input" style={{ flex: "1 1 200px", width: "auto" }} type="search" placeholder="Name or id" aria-label="Search tenants by name or id" value={text} onChange={(e) => setText(e.target.value)} />
          <select className="input" style={{ width: "auto" }} aria-label="Plan" value={search.plan ?? ""} onChange={(e) => set({ plan: e.target.value || undefined })}>
            <option value="">All plans</option>
            {(plans.data ?? []).map((p) => (
              <option key={p.slug} value={p.slug}>
                {p.name || p.slug}
              </option>
            ))}
          </select>
          <button type="button" className="btn" aria-pressed={!!search.near} onClick={() => set({ near: search.near ? undefined : "1" })}>
            Near or over a limit
          </button>
          {picked.size > 0 && (
            <>
              <button type="button" className="btn" onClick={() => setMoving(true)}>
                Change plan of {picked.size}
              </button>
              <button type="button" className="btn" onClick={() => setPicked(new Set())}>
                Clear
              </button>
            </>
          )}
          <button
            type="button"
            className="btn"
            disabled={!list.rows.length}
            onClick={() => save("tenants.csv", csv([["id", "name", "plan", "plan_version", "time_zone"], ...list.rows.map((t) => [t.id, t.name, t.plan, t.plan_version, t.time_zone])]))}
          >
            CSV
          </button>
        </div>
        {list.data ? (
          <>
            {list.error && <Stale error={list.error} retry={() => void list.refetch()} />}
            {list.rows.length === 0 ? (
              <Empty title={search.q || search.plan || search.near ? "No tenant matches" : "No tenants yet"}>
                <p className="sub">{search.q || search.plan || search.near ? "Take a filter away." : "A tenant is made by its first event, or here."}</p>
              </Empty>
            ) : (
              <Rows rows={list.rows} more={list.hasNextPage ? () => !list.isFetchingNextPage && void list.fetchNextPage() : undefined} picked={picked} pick={pick} />
            )}
          </>
        ) : list.error ? (
          <ErrorState error={list.error} retry={() => void list.refetch()} />
        ) : (
          <Loading height={400} />
        )}
      </section>
      {search.new && <TenantForm onClose={() => set({ new: undefined })} />}
      {moving && (
        <PlanChangeDialog
          tenants={list.rows.filter((t) => picked.has(t.id))}
          onClose={(done) => {
            setMoving(false);
            if (done) setPicked(new Set());
          }}
        />
      )}
    </>
  );
}

const rowHeight = 44;

function Rows({ rows, more, picked, pick }: { rows: Tenant[]; more?: () => void; picked: ReadonlySet<string>; pick: (id: string) => void }) {
  const ref = useRef<HTMLDivElement>(null);
  const meters = useAll<Meter>("v1/meters");
  const v = useVirtualizer({ count: rows.length, getScrollElement: () => ref.current, estimateSize: () => rowHeight, overscan: 12 });
  const items = v.getVirtualItems();
  const end = items[items.length - 1]?.index ?? 0;
  useEffect(() => {
    if (more && end >= rows.length - 30) more();
  }, [end, rows.length, more]);
  return (
    <div role="table" aria-label="Tenants" aria-rowcount={more ? -1 : rows.length + 1} className="vtable">
      <div role="row" aria-rowindex={1} className="vhead">
        <span role="columnheader">
          <span className="hidden">Chosen</span>
        </span>
        <span role="columnheader">Tenant</span>
        <span role="columnheader" className="narrow-hide">
          Plan
        </span>
        <span role="columnheader">Used of limit</span>
        <span role="columnheader" className="narrow-hide">
          Fullest quota
        </span>
      </div>
      <div ref={ref} role="rowgroup" className="vbody" tabIndex={0} style={{ height: Math.min(rows.length * rowHeight + 2, 620) }}>
        <div role="presentation" style={{ height: v.getTotalSize(), position: "relative" }}>
          {items.map((i) => {
            const t = rows[i.index]!;
            return (
              <div key={t.id} role="row" aria-rowindex={i.index + 2} className="vrow" style={{ transform: `translateY(${i.start}px)` }}>
                <span role="cell">
                  <input type="checkbox" aria-label={"Choose " + t.name} checked={picked.has(t.id)} onChange={() => pick(t.id)} />
                </span>
                <Row tenant={t} meters={meters.data ?? []} />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function Row({ tenant, meters }: { tenant: Tenant; meters: Meter[] }) {
  const view = useView();
  const quotas = useQuotas(tenant.id);
  const q = [...(quotas.data?.data ?? [])].filter((x) => x.period !== "rate").sort(byUrgency)[0];
  const unit = meters.find((m) => m.slug === q?.meter)?.unit;
  const words = q && quotaWords(q, view.zone, view.now, unit);
  return (
    <>
      <span role="cell" className="cut">
        <Link to="/tenants/$id" params={{ id: tenant.id }}>
          <b>{tenant.name}</b> {tenant.name !== tenant.id && <span className="sub">{tenant.id}</span>}
        </Link>
      </span>
      <span role="cell" className="narrow-hide">
        {tenant.plan ? <Tag>{tenant.plan + (tenant.plan_version ? " v" + tenant.plan_version : "")}</Tag> : <span className="sub">no plan</span>}
      </span>
      <span role="cell">{q && words ? <Gauge used={q.used} limit={q.limit} reserved={q.reserved} near={isNear(q)} height={7} label={gaugeLabel(q, words, unit)} /> : quotas.data ? <span className="sub">no quota</span> : null}</span>
      <span role="cell" className="narrow-hide cut">
        {q && words && (
          <>
            <span className="sub">{q.meter}</span> <span className={"num " + words.tone}>{words.text}</span>
          </>
        )}
      </span>
    </>
  );
}
