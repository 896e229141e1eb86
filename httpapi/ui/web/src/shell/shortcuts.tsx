// Keys: / and Ctrl-K search, g and a letter go to a page, ? lists them.

import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { Dialog } from "../ui/dialog";
import { nav } from "./nav";

export function useShortcuts({ palette, help }: { palette: () => void; help: () => void }) {
  const navigate = useNavigate();
  useEffect(() => {
    let prefix = 0;
    const onKey = (e: KeyboardEvent) => {
      if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") {
        e.preventDefault();
        if (!document.querySelector("dialog[open]")) palette();
        return;
      }
      const el = e.target as HTMLElement;
      if (e.ctrlKey || e.metaKey || e.altKey || el.closest("input:not([type=radio]), textarea, select, dialog, [contenteditable]")) return;
      if (e.key === "/") {
        e.preventDefault();
        palette();
      } else if (e.key === "?") {
        help();
      } else if (e.key === "g") {
        prefix = Date.now();
        return;
      } else if (Date.now() - prefix < 1200) {
        const to = nav.find((n) => n.key === e.key)?.to;
        if (to) void navigate({ to, search: {} as never });
      }
      prefix = 0;
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
}

export function Help({ onClose }: { onClose: () => void }) {
  const keys: [string, string][] = [["/ or Ctrl K", "Search and actions"], ...nav.map((n) => ["g " + n.key, n.label] as [string, string]), ["?", "This list"], ["Esc", "Close what is open"]];
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <div className="body">
        <dl className="facts">
          {keys.map(([k, what]) => (
            <div key={k} style={{ display: "contents" }}>
              <dt>
                <kbd>{k}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
      </div>
    </Dialog>
  );
}
