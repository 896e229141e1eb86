// A small chart of samples: what it is now, and how it went while the page was open.

import type { ReactNode } from "react";
import { clockSeconds } from "../lib/time";
import { Frame, line } from "./frame";

export interface TrendLine {
  name: string;
  series: string; // s1..s5
  points: (readonly [number, number | null])[];
}

export function Trend({ title, now, lines, zone, axis, exact = axis, span = 60_000 }: { title: string; now: ReactNode; lines: TrendLine[]; zone: string; axis: (v: number) => string; exact?: (v: number) => string; span?: number }) {
  const stops = lines[0]?.points.map((p) => p[0]) ?? [];
  const to = stops[stops.length - 1] ?? Date.now();
  const from = Math.min(to - span, stops[0] ?? to);
  const max = Math.max(0, ...lines.flatMap((l) => l.points.map((p) => p[1] ?? 0)));
  const tip = (t: number) => ({
    title: clockSeconds(t, zone),
    rows: lines.map((l) => {
      const v = l.points.find((p) => p[0] === t)?.[1];
      return { label: l.name, value: v == null ? "–" : exact(v), series: l.series };
    }),
  });
  return (
    <section className="card trend" aria-label={title}>
      <div className="row apart base wrap">
        <h2>{title}</h2>
        <span className="num">{now}</span>
      </div>
      <Frame from={from} to={to} max={max} zone={zone} height={120} label={title + ", highest " + exact(max)} format={axis} stops={stops} tip={tip} few>
        {(s) =>
          lines.map((l) => (
            <g key={l.name} className={l.series}>
              <path className="top" d={line(l.points, s)} />
              {l.points.length === 1 && l.points[0]![1] !== null && <circle className="point" cx={s.x(l.points[0]![0])} cy={s.y(l.points[0]![1])} r={2.5} />}
            </g>
          ))
        }
      </Frame>
      {lines.length > 1 && (
        <div className="legend sub">
          {lines.map((l) => (
            <span key={l.name}>
              <i className={"key " + l.series} /> {l.name}
            </span>
          ))}
        </div>
      )}
    </section>
  );
}
