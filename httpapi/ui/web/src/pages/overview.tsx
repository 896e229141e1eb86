// What is used, who is about to hit a limit, and whether the system is well.

import { Link } from "@tanstack/react-router";
import { curl, withQuery } from "../api/client";
import { useAll, useGet } from "../api/hooks";
import type { List, Meter, System, Tenant } from "../api/types";
import { useQuotas } from "../api/usage";
import { exact } from "../lib/number";
import { byUrgency, gaugeLabel, isNear, quotaWords } from "../lib/quota";
import { clockSeconds } from "../lib/time";
import { useView } from "../shell/view";
import { Gauge } from "../ui/gauge";
import { Card, CopyButton, Empty, Loaded, Tag } from "../ui/parts";
import { FirstRun } from "./firstrun";
import { Kpis } from "./kpis";
import { TopTenants } from "./toptenants";
import { UsageByMeter } from "./usagebymeter";

export function Overview() {
  const view = useView({ range: "3d" });
  const system = useGet<System>("v1/system");
  const events = Number(system.data?.stats.events ?? 0);
  return (
    <>
      <div className="title">
        <div>
          <h1>Overview</h1>
          <div className="sub num">
            {system.data ? exact(system.data.stats.tenants) + " tenants · as of " + clockSeconds(system.dataUpdatedAt, view.zone) : " "}
          </div>
        </div>
        <CopyButton small={false} text={() => curl("v1/system")}>
          Copy as curl
        </CopyButton>
      </div>
      {system.data && events === 0 ? (
        <FirstRun />
      ) : (
        <>
          <Kpis system={system} />
          <div className="with-aside">
            <UsageByMeter />
            <Attention />
          </div>
          <TopTenants />
        </>
      )}
    </>
  );
}

const shown = 6;

// Attention lists who is near or over a limit, the worst quota of each.
function Attention() {
  const near = useGet<List<Tenant>>(withQuery("v1/tenants", { near_limit: "true", limit: 1000 }));
  const meters = useAll<Meter>("v1/meters");
  const total = near.data?.data.length ?? 0;
  return (
    <Card title="Needs attention" side={near.data && <span className="sub num">{exact(total) + (near.data.next_cursor ? "+" : "")}</span>}>
      <Loaded query={near} height={220}>
        {(list) =>
          list.data.length === 0 ? (
            <Empty title="Nobody is near a limit">
              <p className="sub">Tenants appear here when a quota warns, throttles or is over.</p>
            </Empty>
          ) : (
            <div className="rule">
              {list.data.slice(0, shown).map((t) => (
                <AttentionRow key={t.id} tenant={t} meters={meters.data ?? []} />
              ))}
              {total > shown && (
                <Link to="/tenants" search={{ near: "1" }} className="pad sub" style={{ display: "block" }}>
                  <span className="link">All {exact(total)} of them</span>
                </Link>
              )}
            </div>
          )
        }
      </Loaded>
    </Card>
  );
}

function AttentionRow({ tenant, meters }: { tenant: Tenant; meters: Meter[] }) {
  const view = useView();
  const quotas = useQuotas(tenant.id);
  const q = [...(quotas.data?.data ?? [])].sort(byUrgency)[0];
  const unit = meters.find((m) => m.slug === q?.meter)?.unit;
  const words = q && quotaWords(q, view.zone, view.now, unit);
  return (
    <Link to="/tenants/$id" params={{ id: tenant.id }} search={q ? { quota: q.quota } : {}} className="attention">
      <span className="cut">
        <b>{tenant.name}</b> <span className="sub">{q?.meter}</span>
      </span>
      {words ? <Tag tone={words.tone}>{words.text}</Tag> : <span />}
      <span className="wide">
        {q && words ? <Gauge used={q.used} limit={q.limit} reserved={q.reserved} near={isNear(q)} height={7} label={gaugeLabel(q, words, unit)} /> : <span className="skeleton" style={{ display: "block", height: 15 }} />}
      </span>
    </Link>
  );
}
