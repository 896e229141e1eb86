// What is used, who is about to hit a limit, and whether the system is well: one answer of the API, but for the finest ranges.

import { curl, withQuery } from "../api/client";
import { useGet } from "../api/hooks";
import type { OverviewBody, System } from "../api/types";
import { count } from "../lib/number";
import type { RangeName } from "../lib/range";
import { clockSeconds } from "../lib/time";
import { useParams1, useView } from "../shell/view";
import { CopyButton, ErrorState, Loading, Stale } from "../ui/parts";
import { AttentionList } from "./attention";
import { FirstRun } from "./firstrun";
import { Kpis } from "./kpis";
import { TopTenants } from "./toptenants";
import { UsageByMeter } from "./usagebymeter";

const rangeOf: Record<RangeName, string> = { "1h": "1h", "24h": "24h", "3d": "72h", "30d": "30d", period: "month", last: "month" };

export function Overview() {
  const view = useView({ range: "3d" });
  const search = useParams1();
  const system = useGet<System>("v1/system");
  const to = withQuery("v1/overview", { range: rangeOf[view.range], meter: search.meter });
  const overview = useGet<OverviewBody>(to);
  const o = overview.data;
  const empty = system.data && Number(system.data.stats.events) === 0;
  return (
    <>
      <div className="title">
        <div>
          <h1>Overview</h1>
          <div className="sub num">{o ? count(o.tenants, "tenant") + " · as of " + clockSeconds(o.now, view.zone) : "\u00a0"}</div>
        </div>
        <CopyButton small={false} text={() => curl(to)}>
          Copy as curl
        </CopyButton>
      </div>
      {empty ? (
        <FirstRun />
      ) : o ? (
        <>
          {overview.error && <Stale error={overview.error} retry={() => void overview.refetch()} />}
          <Kpis overview={o} />
          <div className="with-aside">
            <UsageByMeter overview={o} />
            <AttentionList overview={o} />
          </div>
          <TopTenants overview={o} />
        </>
      ) : (
        <div className="card">{overview.error ? <ErrorState error={overview.error} retry={() => void overview.refetch()} /> : <Loading height={560} />}</div>
      )}
    </>
  );
}
