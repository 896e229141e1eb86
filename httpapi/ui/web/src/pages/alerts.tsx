// Thresholds that were crossed, newest first.

import { Link } from "@tanstack/react-router";
import { curl, withQuery } from "../api/client";
import { explainName } from "../api/explanation";
import { useAll, useGet, usePages } from "../api/hooks";
import type { Crossing, Meter, Settings } from "../api/types";
import { amount, exact } from "../lib/number";
import { moment, momentOf } from "../lib/time";
import { useParams1, useSetSearch, useView } from "../shell/view";
import { csv, save } from "../ui/download";
import { Card, CopyButton, Empty, Loaded, Tag } from "../ui/parts";

export function Alerts() {
  const view = useView();
  const search = useParams1();
  const set = useSetSearch();
  const to = withQuery("v1/crossings", { tenant_id: search.tenant, order: "newest" });
  const list = usePages<Crossing>(to, 200);
  const meters = useAll<Meter>("v1/meters");
  const settings = useGet<Settings>("v1/settings");
  const unit = (slug: string) => meters.data?.find((m) => m.slug === slug)?.unit;
  const only = search.only ?? "all";
  const rows = list.rows.filter((c) => only !== "limits" || c.threshold >= 100);
  const older = list.hasNextPage && (
    <button type="button" className="btn" disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
      Older ones
    </button>
  );
  return (
    <>
      <div className="title">
        <div>
          <h1>Alerts</h1>
          <div className="sub">Every threshold fires once per quota and period, and again when a limit is raised.</div>
        </div>
        <CopyButton small={false} text={() => curl(to)}>
          Copy as curl
        </CopyButton>
      </div>
      {settings.data && !settings.data.upgrade_url && (
        <p className="banner plain" style={{ marginBottom: 16 }}>
          <span>Tenants over a limit can be shown the way to a bigger plan: set the upgrade address in Settings.</span>
          <Link to="/settings" className="btn small">
            Settings
          </Link>
        </p>
      )}
      <Card
        title="Crossings"
        side={
          <>
            <button type="button" className="btn small" aria-pressed={only === "limits"} onClick={() => set({ only: only === "limits" ? undefined : "limits" })}>
              Limits only
            </button>
            {search.tenant && (
              <button type="button" className="btn small" onClick={() => set({ tenant: undefined })}>
                {search.tenant} ✕
              </button>
            )}
            <button
              type="button"
              className="btn small"
              disabled={!rows.length}
              onClick={() => save("crossings.csv", csv([["time", "tenant_id", "user_id", "quota", "meter", "threshold", "used", "limit"], ...rows.map((c) => [c.time, c.tenant_id, c.user_id, c.quota, c.meter, c.threshold, c.used, c.limit])]))}
            >
              CSV
            </button>
          </>
        }
      >
        <Loaded query={list} height={300}>
          {() =>
            rows.length === 0 ? (
              <Empty title={list.rows.length === 0 ? "No threshold was crossed yet" : list.hasNextPage ? "No limit was reached lately" : "No limit was reached"}>
                {list.rows.length === 0 ? (
                  <p className="sub">The thresholds of a quota are 50, 75, 90 and 100 % unless its plan says otherwise.</p>
                ) : (
                  <div className="row tight wrap">
                    <button type="button" className="btn small" onClick={() => set({ only: undefined })}>
                      Show all crossings
                    </button>
                    {older}
                  </div>
                )}
              </Empty>
            ) : (
              <div className="scroll">
                <table>
                  <thead>
                    <tr>
                      <th>Time</th>
                      <th>Tenant</th>
                      <th className="narrow-hide">Quota</th>
                      <th>Threshold</th>
                      <th className="r narrow-hide">Used</th>
                      <th className="r narrow-hide">Limit</th>
                    </tr>
                  </thead>
                  <tbody>
                    {rows.map((c) => (
                      <tr key={c.number}>
                        <td className="num">
                          <span className="narrow-hide">{moment(c.time, view.zone)}</span>
                          <span className="narrow-only">{momentOf(c.time, view.now, view.zone)}</span>
                        </td>
                        <td>
                          <Link to="/tenants/$id" params={{ id: c.tenant_id }} search={{ quota: c.quota }} className="name">
                            {c.tenant_id}
                          </Link>
                          {c.user_id && <span className="sub">{c.user_id}</span>}
                          <span className="sub narrow-only line cut" style={{ maxWidth: 150 }}>
                            {c.quota}
                          </span>
                        </td>
                        <td className="narrow-hide cut" style={{ maxWidth: 260 }} title={c.quota}>
                          {c.quota}
                        </td>
                        <td>
                          <Tag tone={c.threshold >= 100 ? "over" : c.threshold >= 90 ? "warn" : "flat"}>{c.threshold >= 100 ? "limit reached" : c.threshold + " %"}</Tag>
                        </td>
                        <td className="r num narrow-hide" title={exact(c.used)}>
                          {c.period_start && !c.user_id ? (
                            <Link to="/tenants/$id" params={{ id: c.tenant_id }} search={{ quota: c.quota, explain: explainName({ meter: c.meter, from: Date.parse(c.period_start), to: Math.floor(Date.parse(c.time) / 60_000 + 1) * 60_000 }) }} title={exact(c.used) + ": explain this number"}>
                              {amount(c.used, unit(c.meter))}
                            </Link>
                          ) : (
                            amount(c.used, unit(c.meter))
                          )}
                        </td>
                        <td className="r num narrow-hide" title={exact(c.limit)}>
                          {amount(c.limit, unit(c.meter))}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
                {older && <div className="pad">{older}</div>}
              </div>
            )
          }
        </Loaded>
      </Card>
    </>
  );
}
