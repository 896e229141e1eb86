// Whose portal this is. The token is in the fragment of the address, which browsers send to nobody; it is taken out of the address at
// once, so that it stands in no history and no screenshot, and lives as long as the tab.

import { auth } from "../api/client";

export interface Look {
  accent?: string; // of the host, "#0b6b70"
  theme?: "light" | "dark";
}

const stored = "weir-portal";

// begin reads the fragment: token, or tenant where no key is needed; accent and theme of the host.
export function begin(): { tenant: string | null; look: Look } {
  let text = location.hash.slice(1);
  try {
    if (text) sessionStorage.setItem(stored, text);
    else text = sessionStorage.getItem(stored) ?? "";
  } catch {
    /* in a frame without storage a reload needs the link again */
  }
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  const q = new URLSearchParams(text);
  const token = q.get("token");
  if (token) auth.use(token, false);
  const theme = q.get("theme");
  const accent = q.get("accent") ?? undefined;
  return {
    tenant: token ? tenantOf(token) : q.get("tenant"),
    look: { accent: accent && /^#[0-9a-f]{6}$/i.test(accent) ? accent : undefined, theme: theme === "light" || theme === "dark" ? theme : undefined },
  };
}

// tenantOf reads the tenant's id in a token, weirs_<key>.<tenant in base64url>.<expiry>.<signature>. The server checks it; here it only
// says what to ask for.
function tenantOf(token: string): string | null {
  try {
    const part = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
    return new TextDecoder().decode(Uint8Array.from(atob(part), (c) => c.charCodeAt(0)));
  } catch {
    return null;
  }
}

// dress puts the host's colour in the place of ours. One that is too pale to be read is darkened, or lightened on dark, until it can be.
export function dress(look: Look): void {
  const root = document.documentElement;
  if (look.theme) root.dataset.theme = look.theme;
  if (!look.accent) return;
  const style = getComputedStyle(root);
  const [surface, ink] = ["--surface", "--ink"].map((n) => rgb(style.getPropertyValue(n).trim()));
  let accent = rgb(look.accent);
  for (let i = 0; i < 20 && contrast(accent, surface!) < 4.6; i++) accent = mix(accent, ink!, 0.1);
  const put = (name: string, c: number[]) => root.style.setProperty(name, `rgb(${c.map(Math.round).join(" ")})`);
  put("--water", accent);
  put("--s1", accent);
  put("--water-mid", mix(accent, surface!, 0.35));
  put("--water-soft", mix(accent, surface!, 0.8));
  put("--water-ghost", mix(accent, surface!, 0.91));
  put("--on-water", contrast(accent, [255, 255, 255]) >= 4.5 ? [255, 255, 255] : [10, 16, 15]);
}

const rgb = (hex: string) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const mix = (a: number[], b: number[], share: number) => a.map((v, i) => v + (b[i]! - v) * share);
function contrast(a: number[], b: number[]): number {
  const l = (c: number[]) => {
    const [r, g, bl] = c.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * bl!;
  };
  const [x, y] = [l(a), l(b)].sort((p, q) => q - p);
  return (x! + 0.05) / (y! + 0.05);
}
