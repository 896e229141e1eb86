// Who is over, near, or on the way to a limit; the worst first.

import { Link } from "@tanstack/react-router";
import type { Attention, MeterTotal, OverviewBody } from "../api/types";
import { exact } from "../lib/number";
import { gaugeLabel, isNear, quotaWords, type Words } from "../lib/quota";
import { day, until } from "../lib/time";
import { useView } from "../shell/view";
import { Gauge } from "../ui/gauge";
import { Card, Empty, Tag } from "../ui/parts";

const shown = 6;

export function AttentionList({ overview: o }: { overview: OverviewBody }) {
  return (
    <Card title="Needs attention" side={<span className="sub num">{exact(o.attention_total)}</span>}>
      {o.attention.length === 0 ? (
        <Empty title="Nobody is near a limit">
          <p className="sub">Tenants appear here when a quota warns, is over, or will be before its period ends.</p>
        </Empty>
      ) : (
        <div className="rule topped">
          {o.attention.slice(0, shown).map((a) => (
            <Row key={a.tenant_id + " " + a.quota.quota + (a.quota.user_id ?? "")} entry={a} meter={o.meters.find((m) => m.meter === a.quota.meter)} />
          ))}
          {o.attention_total > shown && (
            <Link to="/tenants" search={{ near: "1" }} className="pad sub" style={{ display: "block" }}>
              <span className="link">All tenants near or over a limit</span>
            </Link>
          )}
        </div>
      )}
    </Card>
  );
}

function Row({ entry: a, meter }: { entry: Attention; meter?: MeterTotal }) {
  const unit = meter?.unit;
  const view = useView();
  const words = wordsOf(a, view.zone, view.now, unit);
  return (
    <Link to="/tenants/$id" params={{ id: a.tenant_id }} search={{ quota: a.quota.quota }} className="attention">
      <span className="cut">
        <b dir="auto">{a.name || a.tenant_id}</b> <span className="sub">{meter?.name ?? a.quota.meter}</span>
      </span>
      <Tag tone={words.tone}>{words.text}</Tag>
      <span className="wide">
        <Gauge used={a.quota.used} limit={a.quota.limit} reserved={a.quota.reserved} near={isNear(a.quota)} height={7} label={gaugeLabel(a.quota, words, unit)} />
      </span>
    </Link>
  );
}

// wordsOf adds the pace to what the quota says of itself: "2 days left" when the forecast crosses the limit soon.
function wordsOf(a: Attention, zone: string, now: number, unit?: string): Words {
  const own = quotaWords(a.quota, zone, now, unit);
  if (own.tone === "over" || !a.crosses_limit_at) return own;
  const at = Date.parse(a.crosses_limit_at);
  if (at <= now) return own;
  return { text: at - now < 3 * 86_400_000 ? until(at, now) + " left" : "crosses " + day(at, zone), tone: "warn" };
}
