// All tenants: search, filters, order, and what may be done to several at once.

import { useEffect, useState } from "react";
import { curl, withQuery } from "../api/client";
import { useAll, usePages } from "../api/hooks";
import type { Plan, Tenant } from "../api/types";
import { exact } from "../lib/number";
import { useParams1, useSetSearch } from "../shell/view";
import { csv, save } from "../ui/download";
import { CopyButton, Empty, ErrorState, Loading, Stale } from "../ui/parts";
import { FirstLine } from "./firstrun";
import { PlanChangeDialog } from "./tenant/planchange";
import { TenantForm } from "./tenant/form";
import { TenantRows } from "./tenantrows";

const sorts = [
  { value: "-usage", label: "Fullest first" },
  { value: "usage", label: "Emptiest first" },
  { value: "name", label: "By name" },
  { value: "-name", label: "By name, from Z" },
  { value: "id", label: "By id" },
] as const;

export function Tenants() {
  const search = useParams1();
  const set = useSetSearch();
  const [text, setText] = useState(search.q ?? "");
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [moving, setMoving] = useState(false);
  const plans = useAll<Plan>("v1/plans");
  const sort = sorts.find((x) => x.value === search.sort)?.value ?? "-usage";
  const to = withQuery("v1/tenants", { q: search.q, plan: search.plan, near_limit: search.near ? "true" : undefined, sort });
  const list = usePages<Tenant>(to, 200);
  useEffect(() => {
    const t = setTimeout(() => text !== (search.q ?? "") && set({ q: text || undefined }), 200);
    return () => clearTimeout(t);
  });
  const filtered = !!(search.q || search.plan || search.near);
  const all = list.rows.length > 0 && list.rows.every((t) => picked.has(t.id));
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
          <div className="sub num">{list.data ? exact(list.rows.length) + (list.hasNextPage ? "+" : "") + (list.rows.length === 1 ? " tenant" : " tenants") + (filtered ? " found" : "") : " "}</div>
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
          <select className="input" style={{ width: "auto", maxWidth: "min(240px, 100%)" }} aria-label="Plan" value={search.plan ?? ""} onChange={(e) => set({ plan: e.target.value || undefined })}>
            <option value="">All plans</option>
            {(plans.data ?? []).map((p) => (
              <option key={p.slug} value={p.slug}>
                {p.name || p.slug}
              </option>
            ))}
          </select>
          <select className="input" style={{ width: "auto" }} aria-label="Order" value={sort} onChange={(e) => set({ sort: e.target.value === "-usage" ? undefined : e.target.value })}>
            {sorts.map((x) => (
              <option key={x.value} value={x.value}>
                {x.label}
              </option>
            ))}
          </select>
          <button type="button" className="btn" aria-pressed={!!search.near} onClick={() => set({ near: search.near ? undefined : "1" })}>
            Near or over a limit
          </button>
          {picked.size > 0 && (
            <>
              <button type="button" className="btn" onClick={() => setMoving(true)}>
                Change plan of {exact(picked.size)}
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
            onClick={() => save("tenants.csv", csv([["id", "name", "plan", "plan_version", "time_zone", "quota", "used", "limit"], ...list.rows.filter((t) => picked.size === 0 || picked.has(t.id)).map((t) => [t.id, t.name, t.plan, t.plan_version, t.time_zone, t.quota?.quota, t.quota?.used, t.quota?.limit])]))}
          >
            {picked.size > 0 ? "CSV of " + exact(picked.size) : "CSV"}
          </button>
        </div>
        {list.data ? (
          <>
            {list.error && <Stale error={list.error} retry={() => void list.refetch()} />}
            {list.rows.length === 0 ? (
              filtered ? (
                <Empty title={search.near && !search.q && !search.plan ? "Nobody is near a limit" : "No tenant matches"}>
                  <button type="button" className="btn small" onClick={() => (setText(""), set({ q: undefined, plan: undefined, near: undefined }))}>
                    Show all tenants
                  </button>
                </Empty>
              ) : (
                <Empty title="No tenants yet">
                  <p className="sub">The first event of a tenant makes it. This line records one.</p>
                  <FirstLine />
                </Empty>
              )
            ) : (
              <TenantRows rows={list.rows} more={list.hasNextPage ? () => !list.isFetchingNextPage && void list.fetchNextPage() : undefined} picked={picked} pick={pick} all={all} pickAll={() => setPicked(all ? new Set() : new Set(list.rows.map((t) => t.id)))} />
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
