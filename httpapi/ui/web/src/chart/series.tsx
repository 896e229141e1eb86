// One meter, window by window: an area for what adds up, a line for levels, bars when there are few windows.

import type { Usage } from "../api/types";
import { adds } from "../api/usage";
import { axis, exact, stepsIn, toNumber, withUnit } from "../lib/number";
import { moment } from "../lib/time";
import { Frame, line } from "./frame";

const stepMs: Record<string, number> = { minute: 60_000, "15m": 900_000, hour: 3_600_000, day: 86_400_000, week: 7 * 86_400_000, month: 30 * 86_400_000 };
const barsMax = 62;

export function Series({ usage, before, from, to, now, zone, name, height = 290, limit }: { usage: Usage; before?: Usage; from: number; to: number; now: number; zone: string; name: string; height?: number; limit?: number | null }) {
  const zero = adds(usage.aggregation) || usage.aggregation === "unique_count";
  const step = stepMs[usage.window] ?? to - from;
  const values = new Map(usage.data.map((r) => [Date.parse(r.window_start), r]));
  const shift = before ? from - Date.parse(before.from) : 0;
  const past = new Map((before?.data ?? []).map((r) => [nearestStop(Date.parse(r.window_start) + shift, step, from), r]));
  // Every window up to now; the API leaves empty ones out. Days of a zone are not all of one length, so known starts win.
  const stops = [...new Set([...values.keys(), ...fill(from, Math.min(to, now), step, values)])].sort((a, b) => a - b);
  const at = (t: number) => {
    const r = values.get(t);
    return r?.value != null ? toNumber(r.value) : zero ? 0 : null;
  };
  const bars = zero && stops.length <= barsMax && step >= 86_400_000;
  const max = Math.max(0, ...stops.map((t) => at(t) ?? 0), ...[...past.values()].map((r) => toNumber(r.value)), (limit ?? 0) * 1.08);
  const tip = (t: number) => ({
    title: moment(t, zone) + (values.get(t)?.partial ? ", not over yet" : ""),
    rows: [
      { label: name, value: at(t) === null ? "no value" : withUnit(values.get(t)?.value ?? 0, usage.unit), series: "s1" },
      ...(before ? [{ label: "before", value: exact(past.get(t)?.value ?? (zero ? 0 : null)) }] : []),
    ],
  });
  const highest = Math.max(0, ...stops.map((t) => at(t) ?? 0));
  const label = name + " by " + usage.window + ", highest " + axis(highest, usage.unit);
  return (
    <Frame from={from} to={to} max={max} zone={zone} height={height} label={label} format={(v) => axis(v, usage.unit)} per={stepsIn(max, usage.unit)} stops={stops} tip={tip}>
      {(s) => {
        const points = stops.map((t) => [t, at(t)] as const);
        const old = [...past].filter(([t]) => t <= to).sort((a, b) => a[0] - b[0]).map(([t, r]) => [t, r.value == null ? null : toNumber(r.value)] as const);
        // The window that is not over yet is not a fall: it is drawn as what is still to come.
        const open = points.length > 1 && values.get(points[points.length - 1]![0])?.partial ? points.slice(-2) : [];
        const path = line(open.length ? points.slice(0, -1) : points, s);
        const last = stops[stops.length - (open.length ? 2 : 1)] ?? from;
        return (
          <>
            {bars ? (
              <g className="bars">
                {points.map(([t, v]) => {
                  const width = Math.max(1, s.x(t + step) - s.x(t));
                  const gap = Math.min(6, width * 0.25);
                  return v ? <rect key={t} className={values.get(t)?.partial ? "partial" : ""} x={s.x(t) + gap / 2} width={Math.max(1, width - gap)} y={s.y(v)} height={s.bottom - s.y(v)} rx={Math.min(2, width / 4)} /> : null;
                })}
              </g>
            ) : (
              <>
                {zero && <path className="filled" d={path + `L${s.x(last)},${s.bottom}L${s.x(stops[0] ?? from)},${s.bottom}Z`} />}
                <path className="used" d={path} />
                {open.length > 0 && <path className="forecast" d={line(open, s)} />}
              </>
            )}
            {bars ? (
              <g className="was">
                {[...past].map(([t, r]) => (t < to && r.value != null ? <line key={t} x1={s.x(t) + 1} x2={Math.max(s.x(t) + 2, s.x(t + step) - 1)} y1={s.y(toNumber(r.value))} y2={s.y(toNumber(r.value))} /> : null))}
              </g>
            ) : (
              old.length > 1 && <path className="before" d={line(old, s)} />
            )}
            {past.size > 0 && (
              <text className="halo" x={s.right - 2} y={s.top - 3} textAnchor="end">
                {bars ? "─" : "┈"} before
              </text>
            )}
            {alone(points).map(([t, v]) => (
              <circle key={t} className="point s1" cx={s.x(t)} cy={s.y(v)} r={3} />
            ))}
            {limit != null && limit > 0 && (
              <>
                <line className="crest" x1={s.left} x2={s.right} y1={s.y(limit)} y2={s.y(limit)} />
                <text className="crest-label halo" x={s.right - 2} y={s.y(limit) - 7} textAnchor="end">
                  limit {axis(limit, usage.unit)}
                </text>
              </>
            )}
          </>
        );
      }}
    </Frame>
  );
}

// alone are the values that no line leads to: between two windows without one.
function alone(points: readonly (readonly [number, number | null])[]): [number, number][] {
  return points.flatMap(([t, v], i) => (v !== null && (points[i - 1]?.[1] ?? null) === null && (points[i + 1]?.[1] ?? null) === null ? [[t, v] as [number, number]] : []));
}

function fill(from: number, to: number, step: number, known: Map<number, unknown>): number[] {
  if (step >= 86_400_000) return [];
  const out: number[] = [];
  const first = known.keys().next().value;
  const phase = first === undefined ? 0 : (((first - from) % step) + step) % step;
  for (let t = from + phase; t < to && out.length < 2000; t += step) out.push(t);
  return out;
}

const nearestStop = (t: number, step: number, from: number) => (step >= 86_400_000 ? t : from + Math.round((t - from) / step) * step);
