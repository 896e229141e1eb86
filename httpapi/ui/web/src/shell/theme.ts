// Light, dark, or what the system says. The choice is put on <html> before the first paint by the script in the page.

export type Theme = "light" | "dark" | "system";
const name = "weir-theme";

export function theme(): Theme {
  const t = document.documentElement.dataset.theme;
  return t === "light" || t === "dark" ? t : "system";
}

export function setTheme(t: Theme): void {
  if (t === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = t;
  store(name, t === "system" ? null : t);
}

// store keeps a choice in this browser; without storage it lasts as long as the page.
export function store(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    /* see above */
  }
}

export function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
