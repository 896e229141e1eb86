// What is kept of each class of data, since when, and the space that it takes.

import { curl } from "../api/client";
import { useGet } from "../api/hooks";
import type { StorageClass, System } from "../api/types";
import { axis, exact, percent } from "../lib/number";
import { moment } from "../lib/time";
import { useView } from "../shell/view";
import { Card, CopyButton, Loaded } from "../ui/parts";

const names: Record<string, string> = {
  events: "Raw events",
  ids: "Ids, for counting once",
  minute: "Minutes",
  quarter_hour: "Quarter hours",
  hour: "Hours",
  day: "Days",
  groups: "Usage by groups",
  rest: "Everything else",
  base: "State that the log begins with",
};

export function StorageTable() {
  const view = useView();
  const system = useGet<System>("v1/system");
  return (
    <Card title="Retention and space" side={<CopyButton text={() => curl("v1/system")}>curl</CopyButton>}>
      <Loaded query={system} height={260}>
        {(s) => {
          const total = s.storage.reduce((sum, c) => sum + (c.bytes ?? 0), 0);
          return (
            <div className="scroll">
              <table>
                <thead>
                  <tr>
                    <th>Class</th>
                    <th>Kept</th>
                    <th className="narrow-hide">Since</th>
                    <th className="narrow-hide" style={{ width: "34%" }}>
                      Share of the space
                    </th>
                    <th className="r">Space</th>
                  </tr>
                </thead>
                <tbody>
                  {s.storage.map((c) => (
                    <Row key={c.class} c={c} total={total} zone={view.zone} />
                  ))}
                </tbody>
              </table>
              <p className="pad sub">Minutes to days lie in one place; weir doctor measures each by itself.</p>
            </div>
          );
        }}
      </Loaded>
    </Card>
  );
}

function Row({ c, total, zone }: { c: StorageClass; total: number; zone: string }) {
  return (
    <tr>
      <td>{names[c.class] ?? c.class}</td>
      <td className="num">{c.keep ?? "for ever"}</td>
      <td className="num narrow-hide">{c.since ? moment(c.since, zone) : <span className="sub">the beginning</span>}</td>
      <td className="narrow-hide">
        {c.bytes !== null && (
          <span className="share">
            <i>
              <i style={{ width: total > 0 ? (100 * c.bytes) / total + "%" : 0 }} />
            </i>
            <span className="num sub" style={{ textAlign: "right" }}>
              {percent(c.bytes, total)}
            </span>
          </span>
        )}
      </td>
      <td className="r num" title={c.bytes === null ? undefined : exact(c.bytes) + " B"}>
        {c.bytes === null ? <span className="sub">–</span> : axis(c.bytes, "byte")}
      </td>
    </tr>
  );
}
