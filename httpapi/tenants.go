package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// tenantBody is a tenant as the API shows it.
type tenantBody struct {
	ID               string            `json:"id"`
	Name             string            `json:"name"`
	Plan             *string           `json:"plan"`
	PlanVersion      int               `json:"plan_version,omitempty"`
	TimeZone         string            `json:"time_zone"`
	BillingAnchor    *time.Time        `json:"billing_anchor"`
	Metadata         json.RawMessage   `json:"metadata"`
	StripeCustomerID string            `json:"stripe_customer_id,omitempty"`
	PendingPlan      *usage.PlanChange `json:"pending_plan,omitempty"`
	Overrides        []overrideBody    `json:"overrides"`
}

type overrideBody struct {
	Quota          string          `json:"quota"`
	Fields         json.RawMessage `json:"fields"`
	EffectiveFrom  *time.Time      `json:"effective_from"`
	EffectiveUntil *time.Time      `json:"effective_until"`
}

func tenantOf(st usage.TenantState) tenantBody {
	t := st.Tenant
	b := tenantBody{ID: t.ID, Name: t.Name, PlanVersion: st.PlanVersion, TimeZone: t.TimeZone, BillingAnchor: optionalTime(t.BillingAnchor),
		Metadata: t.Metadata, StripeCustomerID: t.StripeCustomerID, PendingPlan: st.Pending, Overrides: []overrideBody{}}
	if b.Name == "" {
		b.Name = t.ID
	}
	if t.Plan != "" {
		b.Plan = &t.Plan
	}
	if b.TimeZone == "" {
		b.TimeZone = "UTC"
	}
	if b.Metadata == nil {
		b.Metadata = json.RawMessage("{}")
	}
	for _, o := range st.Overrides {
		b.Overrides = append(b.Overrides, overrideBody{o.Quota, o.Fields, optionalTime(o.EffectiveFrom), optionalTime(o.EffectiveUntil)})
	}
	return b
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}

func (c *call) getTenant() {
	st, err := c.eng.Tenant(c.slug)
	if err != nil {
		c.writeError(err)
		return
	}
	c.writeTaggedJSON(http.StatusOK, st.Version, tenantOf(st))
}

func (c *call) tenantVersion() (uint64, bool) {
	st, err := c.eng.Tenant(c.slug)
	return st.Version, err == nil
}

func (c *call) putTenant() {
	if _, err := c.query(); err != nil {
		c.writeError(err)
		return
	}
	var in struct {
		usage.Tenant
		Plan     *string `json:"plan"` // null: none
		TimeZone *string `json:"time_zone"`
		Name     *string `json:"name"`
	}
	if !c.readConfig(&in) {
		return
	}
	t := in.Tenant
	if string(t.Metadata) == "null" {
		t.Metadata = nil
	}
	for _, f := range []struct{ from, to *string }{{in.Plan, &t.Plan}, {in.TimeZone, &t.TimeZone}, {in.Name, &t.Name}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if t.ID == "" {
		t.ID = c.slug
	}
	if t.ID != c.slug {
		c.writeError(refuse(usage.CodeInvalidValue, "/id", "id "+quoted(t.ID)+" is not the one in the path; leave it out or make them equal"))
		return
	}
	if list := t.Validate(); len(list) > 0 {
		c.writeError(errorList(list))
		return
	}
	var st usage.TenantState
	var created bool
	err := c.versioned("the tenant", c.tenantVersion, func(cond usage.Condition) (err error) {
		st, created, err = c.eng.PutTenantIf(c.changing(), t, cond)
		return err
	})
	if err != nil {
		c.writeError(err)
		return
	}
	c.writeTaggedJSON(c.madeStatus(created, c.r.URL.EscapedPath()), st.Version, tenantOf(st))
}

func (c *call) deleteTenant() {
	if _, err := c.eng.Tenant(c.slug); err != nil {
		c.writeError(err)
		return
	}
	err := c.versioned("the tenant", c.tenantVersion, func(cond usage.Condition) error {
		return c.eng.DeleteTenant(c.changing(), c.slug, cond)
	})
	if err != nil {
		c.writeError(err)
		return
	}
	c.write(http.StatusNoContent, "", nil)
}

func (c *call) listQuotas() {
	q, err := c.query("user_id")
	if err != nil {
		c.writeError(err)
		return
	}
	quotas, err := c.eng.Quotas(c.slug, q.Get("user_id"))
	if err != nil {
		c.writeError(err)
		return
	}
	b := append([]byte(`{"data":`), appendQuotas(nil, quotas, c.numbersAsStrings())...)
	c.writeJSON(http.StatusOK, append(b, `,"next_cursor":null}`+"\n"...))
}

func (c *call) listUsers() {
	q := c.r.URL.Query()
	if _, err := c.eng.Tenant(c.slug); err != nil {
		c.writeError(err)
		return
	}
	next := map[string]uint32{}
	page(c, func(u engine.UserQuotas) string { return strconv.FormatUint(uint64(next[u.UserID]), 10) },
		func(after string, limit int) []engine.UserQuotas {
			from, _ := strconv.ParseUint(after, 10, 32) // "": from the first
			var out []engine.UserQuotas
			for at := uint32(from); len(out) < limit; {
				users, n, err := c.eng.Users(c.slug, q.Get("quota"), q.Get("near_limit") == "true", at, 1)
				if err != nil || len(users) == 0 {
					break
				}
				out = append(out, users[0])
				next[users[0].UserID] = n
				if at = n; n == 0 {
					break
				}
			}
			return out
		}, func(u engine.UserQuotas) any { return u }, "quota", "near_limit")
}

// putOverride changes a quota for one tenant: the body has fields of a quota, and when they hold.
func (c *call) putOverride() {
	if _, err := c.query(); err != nil {
		c.writeError(err)
		return
	}
	var in map[string]json.RawMessage
	if !c.readConfig(&in) {
		return
	}
	times := map[string]json.RawMessage{}
	for _, name := range []string{"effective_from", "effective_until"} {
		if raw, ok := in[name]; ok {
			times[name] = raw
			delete(in, name)
		}
	}
	for name := range in { // order-free: any unknown member refuses
		if !known(name, quotaFields) {
			detail := "a quota has no member " + quoted(name)
			if near, ok := usage.Nearest(name, quotaFields); ok {
				detail += "; did you mean " + near + "?"
			}
			c.writeError(refuse(usage.CodeUnknownField, "/"+escapePointer(name), detail))
			return
		}
	}
	var when struct {
		From  time.Time `json:"effective_from"`
		Until time.Time `json:"effective_until"`
	}
	var fields usage.Quota
	_, err := remarshal(times, &when)
	o := usage.Override{TenantID: c.slug, Quota: c.sub, EffectiveFrom: when.From, EffectiveUntil: when.Until}
	if err == nil {
		o.Fields, err = remarshal(in, &fields)
	}
	if err == nil && fields.Slug != "" && fields.Slug != c.sub {
		err = refuse(usage.CodeInvalidValue, "/slug", "slug is not the quota in the path; leave it out")
	}
	if err != nil {
		c.writeError(err)
		return
	}
	var created bool
	err = c.versioned("the override", c.overrideVersion, func(cond usage.Condition) (err error) {
		created, err = c.eng.PutOverrideIf(c.changing(), o, cond)
		return err
	})
	if err != nil {
		c.writeError(err)
		return
	}
	version, _ := c.overrideVersion()
	c.writeTaggedJSON(c.madeStatus(created, c.r.URL.EscapedPath()), version,
		overrideBody{o.Quota, o.Fields, optionalTime(o.EffectiveFrom), optionalTime(o.EffectiveUntil)})
}

// remarshal returns members as the text of one object, and reads it into v.
func remarshal(members map[string]json.RawMessage, v any) (json.RawMessage, error) {
	text, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	return text, unmarshal(text, v)
}

// quotaFields are the members of a quota.
var quotaFields = []string{"slug", "meter", "scope", "mode", "period", "limit", "overage", "grace_period", "warn_at", "throttle_at",
	"max_delay", "warning_thresholds", "rate", "on_error"}

func (c *call) overrideVersion() (uint64, bool) {
	st, err := c.eng.Tenant(c.slug)
	if err != nil {
		return 0, false
	}
	for _, o := range st.Overrides {
		if o.Quota == c.sub {
			return o.Version, true
		}
	}
	return 0, false
}

func (c *call) deleteOverride() {
	if err := c.eng.DeleteOverride(c.changing(), c.slug, c.sub); err != nil {
		c.writeError(err)
		return
	}
	c.write(http.StatusNoContent, "", nil)
}

func (c *call) changePlan() {
	var in usage.PlanChange
	if !c.readConfig(&in) {
		return
	}
	in.TenantID = c.slug
	if list := in.Validate(); len(list) > 0 {
		c.writeError(errorList(list))
		return
	}
	if err := c.eng.ChangePlan(c.changing(), in); err != nil {
		c.writeError(err)
		return
	}
	c.getTenant()
}

func (c *call) getSettings() {
	s, version := c.eng.Settings()
	c.writeTaggedJSON(http.StatusOK, version, s)
}

func (c *call) putSettings() {
	var s usage.Settings
	if !c.readConfig(&s) {
		return
	}
	err := c.versioned("the settings document", func() (uint64, bool) {
		_, version := c.eng.Settings()
		return version, true
	}, func(cond usage.Condition) error {
		return c.eng.PutSettings(c.changing(), s, cond)
	})
	if err != nil {
		c.writeError(err)
		return
	}
	c.getSettings()
}
