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
  try {
    if (t === "system") localStorage.removeItem(name);
    else localStorage.setItem(name, t);
  } catch {
    /* without storage the choice lasts as long as the page */
  }
}
