// The pages and their addresses. The search part of an address is plain text, name by name, so that links can be written by hand.

import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Link, retainSearchParams } from "@tanstack/react-router";
import { rootPath } from "./api/client";
import { Overview } from "./pages/overview";
import { Shell } from "./shell/shell";
import { viewSearch, type ViewSearch } from "./shell/view";

type Search = ViewSearch & Record<string, string | undefined>;

const rootRoute = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  validateSearch: (raw: Record<string, unknown>): Search => ({ ...(raw as Record<string, string>), range: undefined, zone: undefined, compare: undefined, ...viewSearch(raw) }),
  search: { middlewares: [retainSearchParams(["range", "zone", "compare"])] },
});

const overview = createRoute({ getParentRoute: () => rootRoute, path: "/", component: Overview, staticData: { bar: { range: "3d", compare: true, zone: "utc" } } });
const tenants = createRoute({ getParentRoute: () => rootRoute, path: "/tenants", component: lazyRouteComponent(() => import("./pages/tenants"), "Tenants"), staticData: { bar: {} } });
const tenant = createRoute({
  getParentRoute: () => rootRoute,
  path: "/tenants/$id",
  component: lazyRouteComponent(() => import("./pages/tenant/tenant"), "TenantPage"),
  staticData: { bar: { range: "period", compare: true, zone: "tenant" } },
});
const meters = createRoute({ getParentRoute: () => rootRoute, path: "/meters", component: lazyRouteComponent(() => import("./pages/meters"), "Meters"), staticData: { bar: { zone: "utc" } } });
const plans = createRoute({ getParentRoute: () => rootRoute, path: "/plans", component: lazyRouteComponent(() => import("./pages/plans"), "Plans"), staticData: { bar: {} } });
const events = createRoute({ getParentRoute: () => rootRoute, path: "/events", component: lazyRouteComponent(() => import("./pages/events"), "Events"), staticData: { bar: { range: "24h", zone: "utc" } } });
const settings = createRoute({ getParentRoute: () => rootRoute, path: "/settings", component: lazyRouteComponent(() => import("./pages/settings"), "Settings"), staticData: { bar: {} } });
const alerts = createRoute({ getParentRoute: () => rootRoute, path: "/alerts", component: lazyRouteComponent(() => import("./pages/alerts"), "Alerts"), staticData: { bar: { zone: "utc" } } });
const system = createRoute({ getParentRoute: () => rootRoute, path: "/system", component: lazyRouteComponent(() => import("./pages/system"), "System"), staticData: { bar: { zone: "utc" } } });

export const router = createRouter({
  routeTree: rootRoute.addChildren([overview, tenants, tenant, meters, plans, events, alerts, settings, system]),
  basepath: rootPath,
  defaultPreload: "intent",
  scrollRestoration: true,
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const q = new URLSearchParams();
    for (const [name, value] of Object.entries(search)) if (value !== undefined && value !== "") q.set(name, String(value));
    const text = q.toString();
    return text ? "?" + text : "";
  },
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

function NotFound() {
  return (
    <div className="card state">
      <h1>There is no such page</h1>
      <p>The address may be mistyped, or what was here is gone. Ctrl K finds tenants, meters and plans.</p>
      <Link to="/" className="btn">
        Go to the overview
      </Link>
    </div>
  );
}
