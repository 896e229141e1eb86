// Every change of configuration, the newest first: who, what, before and after. Of all, or about one tenant.

import { useState } from "react";
import { curl, withQuery } from "../api/client";
import { usePages } from "../api/hooks";
import type { AuditRow } from "../api/types";
import { exact } from "../lib/number";
import { moment } from "../lib/time";
import { useView } from "../shell/view";
import { Dialog } from "../ui/dialog";
import { Card, CopyButton, Empty, ErrorState, Loading } from "../ui/parts";

export function Audit({ tenant, size = 100 }: { tenant?: string; size?: number }) {
  const view = useView();
  const to = withQuery("v1/audit", { tenant_id: tenant, order: "newest" });
  const list = usePages<AuditRow>(to, size);
  const [open, setOpen] = useState<AuditRow | null>(null);
  return (
    <Card title="Audit" side={<CopyButton text={() => curl(to)}>curl</CopyButton>}>
      {list.data ? (
        list.rows.length === 0 ? (
          <Empty title="Nothing was changed yet">{tenant && <p className="sub">Changes of its plan, limits and events are entered here.</p>}</Empty>
        ) : (
          <div className="scroll">
            <table>
              <thead>
                <tr>
                  <th>Time</th>
                  <th className="narrow-hide">Who</th>
                  <th>Action</th>
                  <th>On</th>
                </tr>
              </thead>
              <tbody>
                {list.rows.map((a) => (
                  <tr key={a.number}>
                    <td className="num">
                      <button type="button" className="textual" onClick={() => setOpen(a)}>
                        {moment(a.time, view.zone)}
                      </button>
                    </td>
                    <td className="cut narrow-hide" style={{ maxWidth: 180 }}>{a.actor || "the program itself"}</td>
                    <td>{a.action}</td>
                    <td>
                      <span className="name mono">{a.target}</span>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
            {list.hasNextPage && (
              <div className="pad">
                <button type="button" className="btn" disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
                  More
                </button>
              </div>
            )}
          </div>
        )
      ) : list.error ? (
        <ErrorState error={list.error} retry={() => void list.refetch()} />
      ) : (
        <Loading height={300} />
      )}
      {open && (
        <Dialog kind="side" title={open.action + " " + open.target} onClose={() => setOpen(null)}>
          <div className="body">
            <dl className="facts">
              <dt>Time</dt>
              <dd className="num">{moment(open.time, view.zone)}</dd>
              <dt>Who</dt>
              <dd className="any">{open.actor || "the program itself"}</dd>
              {open.request_id && (
                <>
                  <dt>Request</dt>
                  <dd className="mono any">{open.request_id}</dd>
                </>
              )}
              <dt>Entry</dt>
              <dd className="num">
                {exact(open.number)}, log {exact(open.index)}
              </dd>
            </dl>
            <h3>Before</h3>
            <pre className="code" tabIndex={0}>
              {open.before == null ? "nothing" : JSON.stringify(open.before, null, 2)}
            </pre>
            <h3>After</h3>
            <pre className="code" tabIndex={0}>
              {open.after == null ? "nothing" : JSON.stringify(open.after, null, 2)}
            </pre>
          </div>
        </Dialog>
      )}
    </Card>
  );
}
