// Every change of configuration, oldest pages last: who, what, before and after.

import { useState } from "react";
import { curl } from "../api/client";
import { usePages } from "../api/hooks";
import type { AuditRow } from "../api/types";
import { moment } from "../lib/time";
import { useView } from "../shell/view";
import { Dialog } from "../ui/dialog";
import { Card, CopyButton, Empty, ErrorState, Loading } from "../ui/parts";

export function Audit() {
  const view = useView();
  const list = usePages<AuditRow>("v1/audit", 200);
  const [open, setOpen] = useState<AuditRow | null>(null);
  return (
    <Card title="Audit" side={<CopyButton text={() => curl("v1/audit")}>curl</CopyButton>}>
      {list.data ? (
        list.rows.length === 0 ? (
          <Empty title="Nothing was changed yet" />
        ) : (
          <div className="scroll">
            <table>
              <thead>
                <tr>
                  <th>Time</th>
                  <th>Who</th>
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
                    <td>{a.actor || "the program itself"}</td>
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
