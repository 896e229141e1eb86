// The CSV of an answer, as the API writes it.

import { useState } from "react";
import { ApiError, ask } from "../api/client";
import { save } from "./download";

export function CsvButton({ to, name }: { to: string; name: string }) {
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState("");
  const download = async () => {
    setBusy(true);
    setFailed("");
    try {
      save(name + ".csv", (await ask(to)).text);
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
      setFailed(e.problem.title);
    } finally {
      setBusy(false);
    }
  };
  return (
    <button type="button" className="btn small" disabled={busy} title={failed || undefined} onClick={() => void download()}>
      <span aria-live="polite">{failed ? "CSV failed: try again" : "CSV"}</span>
    </button>
  );
}
