package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"time"

	"github.com/weirhq/weir/usage"
)

// Configuration is put whole and without a condition: the last one wins. A call that is tried again after its answer was lost changes nothing
// more, but one that deletes may be not_found then.

// PutMeter makes a meter, or changes its name or unit. Errors: meter_immutable for any other change.
func (c *Client) PutMeter(ctx context.Context, m usage.Meter) error {
	return c.put(ctx, path("meters", m.Slug), m)
}

// Meter answers a meter. Errors: not_found.
func (c *Client) Meter(ctx context.Context, slug string) (m usage.Meter, err error) {
	err = c.get(ctx, path("meters", slug), &m)
	return m, err
}

// Meters walks the meters in the order of their slugs.
func (c *Client) Meters(ctx context.Context) iter.Seq2[usage.Meter, error] {
	return pages(ctx, c, "/v1/meters", nil, plain[usage.Meter])
}

// DeleteMeter archives a meter: it counts nothing more, and its usage stays. Errors: not_found, in_use while a plan needs it.
func (c *Client) DeleteMeter(ctx context.Context, slug string) error {
	return c.remove(ctx, path("meters", slug))
}

// TryEvent answers what a meter would make of an event; nothing is counted.
func (c *Client) TryEvent(ctx context.Context, slug string, ev usage.Event) (trial usage.EventTrial, err error) {
	err = c.post(ctx, path("meters", slug, "test"), map[string]any{"event": ev}, &trial)
	return trial, err
}

// PutPlan makes a plan, or a new version of it. apply moves the tenants that are on it: "now", "period_end", or "" for nobody. An identical
// plan makes no version.
func (c *Client) PutPlan(ctx context.Context, p usage.Plan, apply string) error {
	return c.put(ctx, query(path("plans", p.Slug), given("apply", apply)), p)
}

// PlanTrial answers what PutPlan would change, and changes nothing.
func (c *Client) PlanTrial(ctx context.Context, p usage.Plan) (trial usage.PlanTrial, err error) {
	err = c.Do(ctx, http.MethodPut, path("plans", p.Slug)+"?dry_run=true", p, &trial)
	return trial, err
}

// planBody is a version of a plan as weir shows it.
type planBody struct {
	usage.Plan
	Version  int       `json:"version"`
	Tenants  int       `json:"tenants"`
	Archived bool      `json:"archived"`
	Created  time.Time `json:"created_at"`
}

func (b *planBody) state() usage.PlanState {
	return usage.PlanState{Plan: b.Plan, Number: b.Version, Tenants: b.Tenants, Archived: b.Archived, Created: b.Created}
}

// Plan answers the newest version of a plan; its Version, which is of the engine, is 0. Errors: not_found.
func (c *Client) Plan(ctx context.Context, slug string) (usage.PlanState, error) {
	var b planBody
	err := c.get(ctx, path("plans", slug), &b)
	return b.state(), err
}

// Plans walks the plans in the order of their slugs, each in its newest version.
func (c *Client) Plans(ctx context.Context) iter.Seq2[usage.PlanState, error] {
	return pages(ctx, c, "/v1/plans", nil, (*planBody).state)
}

// PlanVersions walks the versions of a plan, the first one first. Errors: not_found.
func (c *Client) PlanVersions(ctx context.Context, slug string) iter.Seq2[usage.PlanState, error] {
	return pages(ctx, c, path("plans", slug, "versions"), nil, (*planBody).state)
}

// DeletePlan archives a plan that nobody is on. Errors: not_found, in_use.
func (c *Client) DeletePlan(ctx context.Context, slug string) error {
	return c.remove(ctx, path("plans", slug))
}

// PutTenant makes a tenant, or replaces what is said of it. Another plan takes effect now; overrides stay.
func (c *Client) PutTenant(ctx context.Context, t usage.Tenant) error {
	return c.put(ctx, path("tenants", t.ID), t)
}

// tenantBody is a tenant as weir shows it.
type tenantBody struct {
	usage.Tenant
	PlanVersion int                `json:"plan_version"`
	Pending     *usage.PlanChange  `json:"pending_plan"`
	Overrides   []usage.Override   `json:"overrides"`
	Quota       *usage.QuotaStatus `json:"quota"` // in a list
}

func (b *tenantBody) state() usage.TenantState {
	for i := range b.Overrides {
		b.Overrides[i].TenantID = b.ID
	}
	return usage.TenantState{Tenant: b.Tenant, PlanVersion: b.PlanVersion, Pending: b.Pending, Overrides: b.Overrides}
}

// Tenant answers a tenant; its Version, which is of the engine, is 0. Errors: not_found.
func (c *Client) Tenant(ctx context.Context, id string) (usage.TenantState, error) {
	var b tenantBody
	err := c.get(ctx, path("tenants", id), &b)
	return b.state(), err
}

// TenantFilter says which tenants to walk, and in which order. The zero filter is all of them, by id.
type TenantFilter struct {
	Query     string // a part of the id or the name
	Plan      string // slug
	NearLimit bool   // only those of which a quota is beyond its warning
	Sort      string // id, name or usage; the other way round with a "-" before it
}

// TenantEntry is a tenant of a list.
type TenantEntry struct {
	usage.TenantState
	Quota *usage.QuotaStatus // of a list by usage: the one of which the greatest share is used; nil: none has a limit
}

// Tenants walks tenants.
func (c *Client) Tenants(ctx context.Context, f TenantFilter) iter.Seq2[TenantEntry, error] {
	q := given("q", f.Query, "plan", f.Plan, "near_limit", flag(f.NearLimit), "sort", f.Sort)
	return pages(ctx, c, "/v1/tenants", q, func(b *tenantBody) TenantEntry { return TenantEntry{b.state(), b.Quota} })
}

// DeleteTenant forgets a tenant; its usage stays, and its next event makes it anew. Errors: not_found.
func (c *Client) DeleteTenant(ctx context.Context, id string) error {
	return c.remove(ctx, path("tenants", id))
}

// ChangePlan moves a tenant to a plan.
func (c *Client) ChangePlan(ctx context.Context, p usage.PlanChange) error {
	return c.post(ctx, path("tenants", p.TenantID, "plan"), p, nil)
}

// PutOverride changes a quota for one tenant; [usage.QuotaPatch.Override] makes an override.
func (c *Client) PutOverride(ctx context.Context, o usage.Override) error {
	body := map[string]json.RawMessage{}
	if err := json.Unmarshal(o.Fields, &body); err != nil {
		return &usage.Error{Code: usage.CodeMalformedJSON, Detail: "the fields of the override are no JSON object: " + err.Error()}
	}
	for name, at := range map[string]time.Time{"effective_from": o.EffectiveFrom, "effective_until": o.EffectiveUntil} { // order-free: an object
		if !at.IsZero() {
			body[name] = json.RawMessage(`"` + instant(at) + `"`)
		}
	}
	return c.put(ctx, path("tenants", o.TenantID, "quotas", o.Quota), body)
}

// DeleteOverride ends an override: the quota is that of the plan again. Errors: not_found.
func (c *Client) DeleteOverride(ctx context.Context, tenant, quota string) error {
	return c.remove(ctx, path("tenants", tenant, "quotas", quota))
}

// Settings answers the settings of the store, defaults and all.
func (c *Client) Settings(ctx context.Context) (s usage.Settings, err error) {
	err = c.get(ctx, "/v1/settings", &s)
	return s, err
}

// PutSettings replaces the settings; what is absent gets its default.
func (c *Client) PutSettings(ctx context.Context, s usage.Settings) error {
	return c.put(ctx, "/v1/settings", s)
}
