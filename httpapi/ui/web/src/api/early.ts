// The page itself asks the first question of Overview and of Tenants (index.html) while the scripts load. Who asks the same within
// seconds takes that answer; a question that has changed since is asked as any other.

interface Early {
  to: string;
  answer: Promise<Response>;
}

declare global {
  interface Window {
    weirEarly?: Early;
  }
}

const earlyMaxMs = 5_000; // since the page began to load

// early returns what the page has asked for, once.
export function early(to: string): Promise<Response> | undefined {
  const asked = window.weirEarly;
  if (asked?.to !== to) return undefined;
  delete window.weirEarly;
  return performance.now() < earlyMaxMs ? asked.answer : undefined;
}
