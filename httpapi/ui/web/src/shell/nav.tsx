// The pages of the dashboard, and its mark.

export const nav = [
  { to: "/", label: "Overview", key: "o" },
  { to: "/tenants", label: "Tenants", key: "t" },
  { to: "/meters", label: "Meters", key: "m" },
  { to: "/plans", label: "Plans & quotas", key: "p" },
  { to: "/events", label: "Events", key: "e" },
  { to: "/alerts", label: "Alerts", key: "a" },
  { to: "/settings", label: "Settings", key: "s" },
  { to: "/system", label: "System", key: "y" },
] as const;

export function Logo() {
  return (
    <svg width="22" height="22" viewBox="0 0 22 22" aria-hidden="true">
      <path d="M1 8h11v11H1z" fill="var(--water)" />
      <path d="M12 8c3.4 0 4.4 3.2 4.4 11H21" fill="none" stroke="var(--water-mid)" strokeWidth="3" />
      <path d="M12 4v15" stroke="var(--ink)" strokeWidth="2" />
    </svg>
  );
}
