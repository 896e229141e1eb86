// The table view of a chart: the same windows, exactly.

import type { Usage, UsageRow } from "../api/types";
import { add, capital, exact, plural, type Num } from "../lib/number";
import { day, moment } from "../lib/time";

type Explain = ((from: number, to: number) => void) | undefined; // of a row's value; undefined: nobody can

const fromText = (u: Usage, r: UsageRow, zone: string) => (/^(day|week|month)$/.test(u.window) ? day(r.window_start, zone) : moment(r.window_start, zone));

// Figure is a value that leads to its explanation.
function Figure({ row: r, explain }: { row: UsageRow; explain: Explain }) {
  if (!explain) return exact(r.value);
  return (
    <button type="button" className="textual" title="Explain this number" onClick={() => explain(Date.parse(r.window_start), Date.parse(r.window_end))}>
      {exact(r.value)}
    </button>
  );
}

export function UsageTable({ usage, zone, explain }: { usage: Usage; zone: string; explain?: Explain }) {
  return (
    <div className="scroll" style={{ maxHeight: 300 }} tabIndex={0} role="region" aria-label={"Usage of " + usage.meter + " as a table"}>
      <table>
        <thead>
          <tr>
            <th>From</th>
            <th className="r">{capital(usage.unit ? plural(usage.unit, 2) : "value")}</th>
            <th>State</th>
          </tr>
        </thead>
        <tbody>
          {usage.data.map((r) => (
            <tr key={r.window_start}>
              <td className="num">{fromText(usage, r, zone)}</td>
              <td className="r num">
                <Figure row={r} explain={explain} />
              </td>
              <td className="sub">{r.partial ? "not over yet" : ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function RunningTable({ usage, zone, explain }: { usage: Usage; zone: string; explain?: Explain }) {
  let sum: Num = 0;
  return (
    <div className="scroll" style={{ maxHeight: 300 }} tabIndex={0} role="region" aria-label={"Usage of " + usage.meter + " as a table"}>
      <table>
        <thead>
          <tr>
            <th>From</th>
            <th className="r">{capital(usage.unit ? plural(usage.unit, 2) : "value")}</th>
            <th className="r">Running total</th>
            <th>State</th>
          </tr>
        </thead>
        <tbody>
          {usage.data.map((r) => {
            sum = add(sum, r.value ?? 0);
            return (
              <tr key={r.window_start}>
                <td className="num">{fromText(usage, r, zone)}</td>
                <td className="r num">
                <Figure row={r} explain={explain} />
              </td>
                <td className="r num">{exact(sum)}</td>
                <td className="sub">{r.partial ? "not over yet" : ""}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
