// What is used, who is about to hit a limit, and whether the system is well: one answer of the API, but for the finest ranges.

import { curl, withQuery, type ApiError } from "../api/client";
import { useGet } from "../api/hooks";
import type { OverviewBody, System } from "../api/types";
import { count } from "../lib/number";
import type { RangeName } from "../lib/range";
import { clockSeconds } from "../lib/time";
import { useParams1, useView } from "../shell/view";
import { Card, CopyButton, ErrorState, Loading, Stale } from "../ui/parts";
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
        <Coming error={overview.error} retry={() => void overview.refetch()} />
      )}
    </>
  );
}

// Coming is the page while its figures are on their way, in the places where they will be; or why there are none.
function Coming({ error, retry }: { error: ApiError | null; retry: () => void }) {
  if (error) {
    return (
      <div className="card">
        <ErrorState error={error} retry={retry} />
      </div>
    );
  }
  return (
    <>
      <div className="kpis" aria-hidden="true">
        {["Events per second", "Active tenants", "Denied", "Near or over limit"].map((label) => (
          <div className="kpi" key={label}>
            <div className="sub">{label}</div>
            <div className="skeleton" style={{ height: 25, width: 90, margin: "8px 0 9px" }} />
          </div>
        ))}
      </div>
      <div className="with-aside">
        <Card title="Usage by meter">
          <Loading height={330} plane />
        </Card>
        <Card title="Needs attention">
          <Loading height={330} />
        </Card>
      </div>
      <div style={{ marginTop: 16 }}>
        <Card title="Top tenants">
          <Loading height={190} />
        </Card>
      </div>
    </>
  );
}
