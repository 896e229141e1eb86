// The frame of every chart in time: axes, grid, pointer and tooltip. What is inside draws itself with the scales it is given.

import { useEffect, useRef, useState, type PointerEvent, type ReactNode } from "react";
import { niceAxis, ticksOf, timeTicks } from "./scale";

export interface Scales {
  x: (t: number) => number;
  y: (v: number) => number;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export interface TipRow {
  label: string;
  value: string;
  series?: string; // class of its colour
}

export interface FrameProps {
  from: number;
  to: number;
  max: number;
  zone: string;
  height?: number;
  label: string; // the chart in one sentence
  format: (v: number) => string; // of the axis
  per?: number; // what the axis counts in: its steps are round in this
  stops: number[]; // times that the pointer snaps to
  tip: (t: number) => { title: string; rows: TipRow[] };
  few?: boolean; // two steps on the axis of values, for small charts
  children: (s: Scales) => ReactNode;
}

export function useWidth<T extends HTMLElement>() {
  const ref = useRef<T>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const el = ref.current!;
    const watch = new ResizeObserver(() => setWidth(el.clientWidth));
    watch.observe(el);
    setWidth(el.clientWidth);
    return () => watch.disconnect();
  }, []);
  return [ref, width] as const;
}

export function Frame({ from, to, max, zone, height = 290, label, format, stops, tip, few = false, per = 1, children }: FrameProps) {
  const [ref, width] = useWidth<HTMLDivElement>();
  const [at, setAt] = useState<number | null>(null);
  const nice = niceAxis(max / per, few ? 2 : 5);
  const axis = { top: nice.top * per, step: nice.step * per };
  const ticks = ticksOf(axis.top, axis.step);
  const labels = ticks.map(format);
  const left = Math.max(28, Math.max(...labels.map((l) => l.length)) * 6.6 + 12);
  const [right, top, bottom] = [width - 6, 12, height - 24];
  const s: Scales = {
    x: (t) => left + ((t - from) / (to - from || 1)) * (right - left),
    y: (v) => bottom - (v / axis.top) * (bottom - top),
    left,
    right,
    top,
    bottom,
  };
  const times = timeTicks(from, to, zone, Math.max(2, Math.floor((right - left) / (width < 500 ? 64 : 92))));
  const move = (e: PointerEvent) => {
    const px = e.clientX - ref.current!.getBoundingClientRect().left;
    const t = from + ((px - left) / (right - left)) * (to - from);
    setAt(stops.length ? nearest(stops, t) : null);
  };
  return (
    <figure className="chart" ref={ref} style={{ minHeight: height }} onPointerMove={move} onPointerLeave={() => setAt(null)}>
      {width > 0 && (
        <svg height={height} role="img" aria-label={label}>
          {ticks.map((v, i) => (
            <g key={v}>
              <line className={v === 0 ? "base" : "grid"} x1={left} x2={right} y1={s.y(v)} y2={s.y(v)} />
              <text x={left - 8} y={s.y(v) + 4} textAnchor="end">
                {labels[i]}
              </text>
            </g>
          ))}
          {times.map((t) => {
            const x = s.x(t.at);
            const half = t.label.length * 3.2;
            if (x - half < 0) return null;
            const anchor = x + half > right + 4 ? "end" : "middle";
            return (
              <text key={t.at} x={anchor === "end" ? right + 4 : x} y={height - 5} textAnchor={anchor}>
                {t.label}
              </text>
            );
          })}
          {children(s)}
          {at !== null && <line className="cursor" x1={s.x(at)} x2={s.x(at)} y1={top} y2={bottom} />}
        </svg>
      )}
      {at !== null && width > 0 && <Tip x={s.x(at)} width={width} {...tip(at)} />}
    </figure>
  );
}

function Tip({ x, width, title, rows }: { x: number; width: number; title: string; rows: TipRow[] }) {
  const flip = x > width / 2;
  return (
    <div className="tip num" style={{ transform: flip ? `translate(calc(${x - 12}px - 100%), 8px)` : `translate(${x + 12}px, 8px)` }}>
      <div className="sub">{title}</div>
      {rows.map((r) => (
        <div className="row" key={r.label}>
          <span className="cut">
            {r.series && <i className={r.series} />}
            {r.label}
          </span>
          <b>{r.value}</b>
        </div>
      ))}
    </div>
  );
}

function nearest(stops: number[], t: number): number {
  let best = stops[0]!;
  for (const s of stops) if (Math.abs(s - t) < Math.abs(best - t)) best = s;
  return best;
}

// line is the path through points, broken where a value is missing.
export function line(points: readonly (readonly [number, number | null])[], s: Scales): string {
  let out = "";
  let pen = false;
  for (const [t, v] of points) {
    if (v === null) {
      pen = false;
      continue;
    }
    out += (pen ? "L" : "M") + s.x(t).toFixed(1) + "," + s.y(v).toFixed(1);
    pen = true;
  }
  return out;
}
