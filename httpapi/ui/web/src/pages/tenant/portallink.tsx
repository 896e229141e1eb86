// A link to the tenant's own portal: what its people see. The token is in the fragment, which browsers do not send.

import { useState } from "react";
import { useChange } from "../../api/change";
import { root } from "../../api/client";
import type { Tenant } from "../../api/types";
import { dayYear, clock } from "../../lib/time";
import { Dialog, FormError } from "../../ui/dialog";
import { CopyButton } from "../../ui/parts";

interface PortalSession {
  token: string;
  expires_at: string;
  url?: string;
}

const ttlSeconds = 3600;

export function PortalLink({ tenant, onClose }: { tenant: Tenant; onClose: () => void }) {
  const change = useChange();
  const [session, setSession] = useState<PortalSession | null>(null);
  const make = async () => {
    const s = await change.run<PortalSession>("v1/portal/sessions", { method: "POST", body: { tenant_id: tenant.id, ttl_seconds: ttlSeconds } }, []);
    if (s) setSession(s);
  };
  const link = session ? root + "portal#token=" + encodeURIComponent(session.token) : "";
  return (
    <Dialog title={"The portal of " + tenant.name} onClose={onClose} onSubmit={() => void make()}>
      <div className="body">
        <p>A link that shows {tenant.name} its own usage and nothing else, for one hour. Whoever has it can read that.</p>
        {session ? (
          <>
            <pre className="code" tabIndex={0}>
              {link}
            </pre>
            <p className="sub num">
              Ends {dayYear(session.expires_at, tenant.time_zone)}, {clock(session.expires_at, tenant.time_zone)} ({tenant.time_zone})
            </p>
            <div className="row tight">
              <a className="btn pri" href={link} target="_blank" rel="noopener noreferrer">
                Open it
              </a>
              <CopyButton small={false} text={() => link}>
                Copy the link
              </CopyButton>
            </div>
          </>
        ) : (
          <div>
            <button type="submit" className="btn pri" disabled={change.busy}>
              Make a link
            </button>
          </div>
        )}
        <FormError error={change.error} />
      </div>
    </Dialog>
  );
}
