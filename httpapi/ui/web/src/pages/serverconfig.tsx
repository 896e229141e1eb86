// What the server was started with, and where each value comes from. It is changed where it was set, and takes a restart.

import { curl } from "../api/client";
import { useGet } from "../api/hooks";
import type { ServerSetting } from "../api/types";
import { useParams1, useSetSearch } from "../shell/view";
import { Card, CopyButton, Empty, Loaded, Tag } from "../ui/parts";

const to = "v1/config";

export function ServerConfig() {
  const search = useParams1();
  const set = useSetSearch();
  const list = useGet<{ data: ServerSetting[] }>(to);
  const changed = search.only === "changed";
  const rows = (list.data?.data ?? []).filter((s) => !changed || s.origin !== "default");
  return (
    <Card
      title="Configuration"
      side={
        <>
          <button type="button" className="btn small" aria-pressed={changed} onClick={() => set({ only: changed ? undefined : "changed" })}>
            Not the default
          </button>
          <CopyButton text={() => curl(to)}>curl</CopyButton>
        </>
      }
    >
      <Loaded query={list} height={300}>
        {() =>
          rows.length === 0 ? (
            <Empty title={changed ? "Everything is as by default" : "This server tells no settings"} />
          ) : (
            <div className="scroll">
              <table>
                <thead>
                  <tr>
                    <th>Setting</th>
                    <th>Value</th>
                    <th>From</th>
                  </tr>
                </thead>
                <tbody>
                  {rows.map((s) => (
                    <tr key={s.name}>
                      <td className="mono">{s.name}</td>
                      <td className="wrap mono">{s.value === "" || s.value === "[]" ? <span className="sub">empty</span> : s.value}</td>
                      <td>{s.origin === "default" ? <span className="sub">default</span> : <Tag tone="ok">{s.origin}</Tag>}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Loaded>
    </Card>
  );
}
