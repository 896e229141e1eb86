// The first page of an empty store: the one line that fills it. It turns into the overview with the first event.

import { auth, root } from "../api/client";
import { CopyButton } from "../ui/parts";

export function FirstRun() {
  const line = [
    `curl -s ${root}v1/events`,
    ...(auth.key() ? ['-H "Authorization: Bearer $WEIR_KEY"'] : []),
    "-H 'Content-Type: application/json'",
    `-d '{"id":"first-event","tenant_id":"acme","user_id":"alice","feature_type":"api_calls"}'`,
  ].join(" \\\n  ");
  return (
    <section className="card">
      <div className="state">
        <h2>Waiting for the first event</h2>
        <p>Run this line. The page turns live with it, and running it again counts nothing: the id is known.</p>
        <pre className="code" style={{ width: "100%" }} tabIndex={0}>
          {line}
        </pre>
        <CopyButton text={() => line}>Copy</CopyButton>
      </div>
    </section>
  );
}
