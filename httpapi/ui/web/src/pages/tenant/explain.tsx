// Explain this number: the chain from the question to the answer, each step with its figures and a way deeper.

import { Link } from "@tanstack/react-router";
import { curl, withQuery } from "../../api/client";
import { useGet } from "../../api/hooks";
import type { Tenant } from "../../api/types";
import { iso } from "../../lib/range";
import { Dialog } from "../../ui/dialog";
import { CopyButton, Loaded } from "../../ui/parts";
import { steps, type Explanation } from "./explainsteps";

// what is "decision:<id>" or "usage:<meter>:<from>:<to>", as the address has it.
export function Explain({ tenant, what, zone, onClose }: { tenant: Tenant; what: string; zone: string; onClose: () => void }) {
  const [kind, ...rest] = what.split(":");
  const decision = kind === "decision" ? rest.join(":") : undefined;
  const [meter, from, to] = rest;
  const query = decision ? { tenant_id: tenant.id, decision } : { tenant_id: tenant.id, meter, from: time(from), to: time(to) };
  const to_ = withQuery("v1/explain", query);
  const answer = useGet<Explanation>(to_, { fresh: true });
  return (
    <Dialog kind="side" title={decision ? "Why this decision?" : "Where does this number come from?"} onClose={onClose}>
      <Loaded query={answer} height={260}>
        {(e) => {
          const { list, verdict } = steps(e, zone);
          return (
            <>
              {list.map((s, i) => (
                <div className="step" key={i}>
                  <span className="k num" aria-hidden="true">
                    {i + 1}
                  </span>
                  <div style={{ minWidth: 0 }}>
                    <h3>{s.title}</h3>
                    <div className="mono">
                      {s.lines.map((l, j) => (
                        <div key={j}>{l}</div>
                      ))}
                    </div>
                  </div>
                </div>
              ))}
              {verdict && <div className={"verdict " + (verdict.over ? "over" : "")}>{verdict.text}</div>}
            </>
          );
        }}
      </Loaded>
      <div className="pad row tight">
        <Link to="/events" search={{ tenant: tenant.id, ...(meter && !decision ? { meter } : {}) }} className="btn">
          Events
        </Link>
        <CopyButton small={false} text={() => curl(to_)}>
          Copy as curl
        </CopyButton>
      </div>
    </Dialog>
  );
}

const time = (ms: string | undefined) => (ms && /^\d+$/.test(ms) ? iso(Number(ms)) : undefined);
