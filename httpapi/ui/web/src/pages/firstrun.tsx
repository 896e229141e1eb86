// The first page of an empty store: the one line that fills it. It turns into the overview with the first event.

import { Link } from "@tanstack/react-router";
import { auth, root } from "../api/client";
import { CopyButton } from "../ui/parts";

// firstEvent is the line that records one event here.
function firstEvent(): string {
  return [
    `curl -s ${root}v1/events`,
    ...(auth.key() ? ['-H "Authorization: Bearer $WEIR_KEY"'] : []),
    "-H 'Content-Type: application/json'",
    `-d '{"id":"first-event","tenant_id":"acme","user_id":"alice","feature_type":"api_calls"}'`,
  ].join(" \\\n  ");
}

// FirstLine shows it, ready to be copied.
export function FirstLine() {
  const line = firstEvent();
  return (
    <>
      <pre className="code" style={{ width: "100%" }} tabIndex={0}>
        {line}
      </pre>
      <CopyButton text={() => line}>Copy</CopyButton>
    </>
  );
}

export function FirstRun() {
  return (
    <section className="card">
      <div className="state">
        <h2>Waiting for the first event</h2>
        <p>Run this line. The page turns live with it, and running it again counts nothing: the id is known.</p>
        <FirstLine />
        <ol className="nexts">
          <li>
            <b>Meter.</b> The event counts in <Link to="/meters" className="link">the meters</Link> of its type; eleven are there, and you can add your own.
          </li>
          <li>
            <b>Limit.</b> A <Link to="/plans" search={{ edit: "new" }} className="link">plan</Link> says how much a tenant may use, and in which period.
          </li>
          <li>
            <b>Ask.</b> <code>POST /v1/consume</code> counts only what is within the limit, and says what is left. <a className="link" href={root + "docs"}>All requests</a>
          </li>
        </ol>
      </div>
    </section>
  );
}
