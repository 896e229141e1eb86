// The story of a period: used, the period before, the crest, the crossing, the forecast with its band, and today as the edge of the fill.

import { amount, axis, exact, stepsIn } from "../lib/number";
import { day, moment } from "../lib/time";
import { Frame, line, type Scales, type TipRow } from "./frame";
import { crossingOf } from "./period";

export type Point = readonly [number, number];

// Ahead is the forecast, from now on: the running total and the band around it, moment by moment.
export interface Ahead {
  end: number;
  lo: number;
  hi: number;
  points: { t: number; v: number; lo: number; hi: number }[];
}

export interface CumulativeProps {
  from: number;
  to: number;
  zone: string;
  unit?: string;
  name: string;
  used: Point[]; // running total, from [from, 0] to now
  usedExact: string[]; // the same totals, exactly
  before?: { name: string; points: Point[] }; // moved into this period
  limit?: number | null;
  crossed?: number | null; // the moment when the limit was found to be passed
  forecast?: Ahead | null;
  height?: number;
}

export function Cumulative(p: CumulativeProps) {
  const { used, unit, zone, limit } = p;
  const last = used[used.length - 1] ?? ([p.from, 0] as const);
  const open = last[0] < p.to;
  const f = open ? p.forecast : null;
  const showLimit = limit != null && limit > 0 && limit <= Math.max(last[1], f?.hi ?? 0, f?.end ?? 0) * 8;
  const max = Math.max(last[1], f?.hi ?? 0, f?.end ?? 0, showLimit ? limit * 1.06 : 0, ...(p.before?.points.map((x) => x[1]) ?? []));
  const crossing = showLimit ? crossingOf(used, limit, p.crossed) : null;
  const at = (points: Point[], t: number) => points.reduce<number | null>((v, x) => (x[0] <= t ? x[1] : v), null);
  const tip = (t: number) => {
    const i = used.findLastIndex((x) => x[0] <= t);
    const rows: TipRow[] = [];
    if (t <= last[0] && i >= 0) rows.push({ label: "used", value: exact(p.usedExact[i]), series: "s1" });
    else if (f) rows.push({ label: "forecast", value: "about " + amount(Math.round(f.points.reduce((v, x) => (x.t <= t ? x.v : v), last[1])), unit) });
    const b = p.before && at(p.before.points, t);
    if (b != null) rows.push({ label: p.before!.name, value: exact(b) });
    if (limit != null) rows.push({ label: "limit", value: exact(limit) });
    return { title: moment(t, zone), rows };
  };
  const stops = [...used.map((x) => x[0]), ...(f ? f.points.map((x) => x.t) : [])];
  const summary =
    p.name + ": " + amount(last[1], unit) + " used by " + moment(last[0], zone) + (limit != null ? ", limit " + amount(limit, unit) : "") + (f ? ", forecast " + amount(f.end, unit) : "");
  return (
    <Frame from={p.from} to={p.to} max={max} zone={zone} height={p.height} label={summary} format={(v) => axis(v, unit)} per={stepsIn(max, unit)} stops={stops} tip={tip}>
      {(s) => {
        const x = s.x(last[0]);
        const forecastY = f ? s.y(f.end) : 0;
        const limitY = showLimit ? s.y(limit) : 0;
        // The limit's label goes to the left when its place at the right end is taken: by a label, by a line, or by the crossing.
        const limitText = limit != null ? "limit " + axis(limit, unit) : "";
        const edge = s.right - limitText.length * 7 - 10;
        const taken = ([t, v]: Point) => s.x(t) > edge && s.y(v) > limitY - 22 && s.y(v) < limitY + 3;
        const lines = [...used, ...(p.before?.points ?? []), ...(f ? f.points.flatMap((a) => [[a.t, a.v], [a.t, a.lo], [a.t, a.hi]] as Point[]) : [])];
        const clash = showLimit && ((f && Math.abs(forecastY - 14 - limitY) < 26) || lines.some(taken) || (crossing !== null && s.x(crossing.at) > edge));
        // And below it when the crossing's words, which stand left of their mark, reach there too.
        const below = clash && crossing !== null && s.x(crossing.at) - 150 < s.left + limitText.length * 7 + 6;
        return (
          <>
            {f && <path className="band" d={line([[last[0], last[1]], ...f.points.map((a) => [a.t, a.hi] as const), ...[...f.points].reverse().map((a) => [a.t, a.lo] as const)], s) + "Z"} />}
            <path className="filled" d={line(used, s) + `L${x},${s.bottom}L${s.x(used[0]?.[0] ?? p.from)},${s.bottom}Z`} />
            {p.before && <path className="before" d={line(p.before.points, s)} />}
            {f && <path className="forecast" d={line([[last[0], last[1]], ...f.points.map((a) => [a.t, a.v] as const)], s)} />}
            <path className="used" d={line(used, s)} />
            {showLimit && (
              <>
                <line className="crest" x1={s.left} x2={s.right} y1={limitY} y2={limitY} />
                <text className="crest-label halo" x={clash ? s.left + 6 : s.right - 2} y={below ? limitY + 16 : limitY - 7} textAnchor={clash ? "start" : "end"}>
                  {limitText}
                </text>
              </>
            )}
            {!showLimit && limit != null && limit > 0 && (
              <text className="crest-label" x={s.right - 2} y={s.top + 10} textAnchor="end">
                limit {axis(limit, unit)} ↑
              </text>
            )}
            {f && (
              <text className="ahead halo" x={s.right - 2} y={Math.max(s.top + 4, forecastY - 10)} textAnchor="end">
                forecast {axis(f.end, unit)}
              </text>
            )}
            {p.before && <BeforeLabel s={s} before={p.before} />}
            {crossing && (
              <>
                <circle className="ring" cx={s.x(crossing.at)} cy={limitY} r={4} />
                <Crossed x={s.x(crossing.at)} y={limitY - 9} left={s.left} text={"crossed " + day(crossing.at, zone) + (crossing.exact ? moment(crossing.at, zone).slice(day(crossing.at, zone).length + 1) : "")} />
              </>
            )}
          </>
        );
      }}
    </Frame>
  );
}

function Crossed({ x, y, left, text }: { x: number; y: number; left: number; text: string }) {
  const fits = x - left > text.length * 6.4 + 10;
  return (
    <text className="mark halo" x={fits ? x - 8 : x + 8} y={y} textAnchor={fits ? "end" : "start"}>
      {text}
    </text>
  );
}

function BeforeLabel({ s, before }: { s: Scales; before: { name: string; points: Point[] } }) {
  const p = before.points[Math.floor(before.points.length * 0.66)];
  if (!p || before.points.length < 4) return null;
  const [x, y] = [s.x(p[0]), s.y(p[1])];
  const room = s.right - x > before.name.length * 6.6;
  return (
    <text className="halo" x={room ? x : s.right} y={y + 18 < s.bottom - 2 ? y + 18 : y - 8} textAnchor={room ? "start" : "end"}>
      {before.name}
    </text>
  );
}
