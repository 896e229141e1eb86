// Several series one upon another, as areas in time.

import { axis, exact, toNumber, type Num } from "../lib/number";
import { moment } from "../lib/time";
import { Frame, line } from "./frame";

export interface Layer {
  name: string;
  series: string; // s1..s5
  values: Map<number, Num>; // by start of the window
}

export function Stacked({ layers, stops, from, to, zone, label, height = 300, unit, bars = false }: { layers: Layer[]; stops: number[]; from: number; to: number; zone: string; label: string; height?: number; unit?: string; bars?: boolean }) {
  const sums = stops.map((t) => layers.reduce((sum, l) => sum + toNumber(l.values.get(t) ?? 0), 0));
  const step = stops.length > 1 ? stops[1]! - stops[0]! : to - from;
  const end = bars ? to : Math.max(stops[stops.length - 1] ?? to, from + 1);
  const tip = (t: number) => ({
    title: moment(t, zone),
    rows: layers.map((l) => ({ label: l.name, value: exact(l.values.get(t) ?? 0), series: l.series })).reverse(),
  });
  return (
    <Frame from={from} to={end} max={Math.max(0, ...sums)} zone={zone} height={height} label={label} format={(v) => axis(v, unit)} stops={stops} tip={tip}>
      {(s) => {
        let below = stops.map(() => 0);
        return layers.map((l) => {
          const base = below;
          const top = stops.map((t, i) => base[i]! + toNumber(l.values.get(t) ?? 0));
          below = top;
          if (bars) {
            return (
              <g key={l.name} className={l.series}>
                {stops.map((t, i) => {
                  const [x0, x1] = [s.x(t), s.x(t + step)];
                  const gap = Math.min(3, (x1 - x0) * 0.2);
                  return <rect key={t} className="layer" x={x0 + gap / 2} width={Math.max(1, x1 - x0 - gap)} y={s.y(top[i]!)} height={Math.max(0, s.y(base[i]!) - s.y(top[i]!))} />;
                })}
              </g>
            );
          }
          const path = line(stops.map((t, i) => [t, top[i]!] as const), s);
          const back = stops.map((t, i) => s.x(t).toFixed(1) + "," + s.y(base[i]!).toFixed(1)).reverse();
          return (
            <g key={l.name} className={l.series}>
              <path className="layer" d={path + "L" + back.join("L") + "Z"} />
              <path className="top" d={path} />
            </g>
          );
        });
      }}
    </Frame>
  );
}
