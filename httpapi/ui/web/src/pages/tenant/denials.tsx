// What was refused, newest first, each with the way to its explanation.

import { withQuery } from "../../api/client";
import { explainName } from "../../api/explanation";
import { useGet } from "../../api/hooks";
import type { DecisionRow, List, Tenant } from "../../api/types";
import { exact } from "../../lib/number";
import { momentOf, momentSeconds } from "../../lib/time";
import { useSetSearch } from "../../shell/view";
import { Card, Empty, Loaded } from "../../ui/parts";

export const reasonWords: Record<string, string> = {
  quota_exceeded: "the quota is used up",
  cost_exceeds_limit: "more than the whole quota",
  grace_expired: "the grace period is over",
  throttled: "too fast",
};

export function Denials({ tenant, zone }: { tenant: Tenant; zone: string }) {
  const set = useSetSearch();
  const list = useGet<List<DecisionRow>>(withQuery("v1/decisions", { tenant_id: tenant.id, decision: "block", limit: 10 }));
  return (
    <Card title="Recent denials">
      <Loaded query={list} height={100}>
        {(l) =>
          l.data.length === 0 ? (
            <Empty title="Nothing was denied">
              <p className="sub">Denials are kept in memory, the last 1,000 of each tenant.</p>
            </Empty>
          ) : (
            <div className="scroll">
              <table>
                <thead>
                  <tr>
                    <th>Time</th>
                    <th>Denied</th>
                    <th>
                      <span className="hidden">Explain</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {l.data.map((d) => (
                    <tr key={d.id + d.time}>
                      <td className="num" title={momentSeconds(d.time, zone)}>
                        {momentOf(d.time, Date.now(), zone)}
                      </td>
                      <td className="num wrap">
                        {d.quantity != null && exact(d.quantity)} {d.feature_type}
                        <span className="sub line">
                          {reasonWords[d.reason ?? ""] ?? d.reason}
                          {d.binding_quota && " · " + d.binding_quota}
                        </span>
                      </td>
                      <td className="r">
                        <button type="button" className="btn small" aria-label={"Why was " + d.id + " denied?"} onClick={() => set({ explain: explainName({ decision: d.id }) }, false)}>
                          Why?
                        </button>
                      </td>
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
