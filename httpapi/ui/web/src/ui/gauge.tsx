// The weir gauge. The limit is a crest at 78 % of the width in every gauge of every page, so that all bars compare at a glance. Water
// fills up to it, reserved units are lighter, the forecast is a ghost, and what passes the crest is spill.

import { toNumber, type Num } from "../lib/number";

export const crestAt = 78;

export interface GaugeProps {
  used: Num;
  limit: Num | null;
  reserved?: Num;
  forecast?: number; // what is used at the end of the period
  near?: boolean; // past the warning
  height?: number;
  label: string; // the same in words
}

export function Gauge({ used, limit, reserved = 0, forecast = 0, near = false, height = 10, label }: GaugeProps) {
  const [u, r, l] = [toNumber(used), toNumber(reserved), limit === null ? null : toNumber(limit)];
  const x = (v: number) => (l === null ? 0 : l === 0 ? (v > 0 ? 100 : 0) : Math.max(0, Math.min(100, (v / l) * crestAt)));
  const [water, held, ghost] = [x(u), x(u + r), x(forecast)];
  const rect = (from: number, to: number, kind: string) =>
    to > from ? <rect className={kind} x={from + "%"} width={to - from + "%"} y={4} height={height} /> : null;
  return (
    <svg className="gauge" height={height + 8} role="img" aria-label={label}>
      {l !== null && <rect className="track" y={4} width="100%" height={height} rx={2} />}
      {rect(held, ghost, "ghost")}
      {rect(water, held, "held")}
      {rect(0, Math.min(water, crestAt), near && water <= crestAt ? "near" : "water")}
      {rect(crestAt, water, "spill")}
      {l !== null && <rect className="crest" x={crestAt + "%"} width={2} y={0} height={height + 8} transform="translate(-1 0)" />}
    </svg>
  );
}
