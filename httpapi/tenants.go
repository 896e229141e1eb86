package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math"
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
	c.writeTenant(http.StatusOK, st)
}

func (c *call) writeTenant(status int, st usage.TenantState) {
	b := tenantOf(st)
	plain, err := json.Marshal(b) // the tag is the same however numbers are written
	body := plain
	if err == nil && c.numbersAsStrings() {
		body, err = c.encode(b)
	}
	if err != nil {
		c.writeError(err)
		return
	}
	c.writeTagged(status, bodyTag(plain), append(body, '\n'))
}

// bodyTag is the entity tag of a tenant: its plan, the version of it and its overrides change without a change of the tenant itself.
func bodyTag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

func (c *call) tenantVersion() (tag string, version uint64, exists bool) {
	st, err := c.eng.Tenant(c.slug)
	if err != nil {
		return "", 0, false
	}
	body, err := json.Marshal(tenantOf(st))
	return bodyTag(body), st.Version, err == nil
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

		// What GET answers may be sent back; these say nothing here.
		PlanVersion int               `json:"plan_version"`
		PendingPlan *usage.PlanChange `json:"pending_plan"`
		Overrides   []overrideBody    `json:"overrides"`
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
	err := c.tagged("the tenant", c.tenantVersion, func(cond usage.Condition) (err error) {
		st, created, err = c.eng.PutTenantIf(c.changing(), t, cond)
		return err
	})
	if err != nil {
		c.writeError(err)
		return
	}
	c.writeTenant(c.madeStatus(created, c.r.URL.EscapedPath()), st)
}

func (c *call) deleteTenant() {
	if _, err := c.eng.Tenant(c.slug); err != nil {
		c.writeError(err)
		return
	}
	err := c.tagged("the tenant", c.tenantVersion, func(cond usage.Condition) error {
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
	user := q.Get("user_id")
	if user != "" && !usage.ValidIdentifier(user) {
		c.writeError(refuse(usage.CodeInvalidValue, "/user_id", "user_id "+quoted(user)+" must be 1 to 128 bytes of UTF-8 without control characters, or left out"))
		return
	}
	quotas, err := c.eng.Quotas(c.slug, user)
	if err != nil {
		c.writeError(err)
		return
	}
	b := append([]byte(`{"data":`), appendQuotas(nil, quotas, c.numbersAsStrings())...)
	c.writeJSON(http.StatusOK, append(b, `,"next_cursor":null}`+"\n"...))
}

// listUsers answers the users of a tenant that quotas have counted.
func (c *call) listUsers() {
	q := c.r.URL.Query()
	if _, err := c.eng.Tenant(c.slug); err != nil {
		c.writeError(err)
		return
	}
	near, err := oneOf(q, "near_limit", "true", "false")
	if err == nil {
		err = c.hasQuota(q.Get("quota"))
	}
	if err != nil {
		c.writeError(err)
		return
	}
	pageOf(c, func(u engine.UserQuotas) string { return strconv.FormatUint(uint64(u.Number), 10) },
		func(after string, limit int) ([]engine.UserQuotas, error) {
			from, err := cursorNumber(after)
			if err != nil || from > math.MaxUint32 {
				return nil, wrongCursor()
			}
			users, _, err := c.eng.Users(c.slug, q.Get("quota"), near == "true", uint32(from), limit)
			return users, err
		}, func(u engine.UserQuotas) any { return u }, "quota", "near_limit")
}

// hasQuota refuses the name of a quota that is none of the tenant's ("": all are meant): an empty list would say that nobody used it.
func (c *call) hasQuota(slug string) error {
	if slug == "" {
		return nil
	}
	quotas, err := c.eng.Quotas(c.slug, "any user") // a name brings the quotas of users into the list
	if err != nil {
		return err
	}
	var slugs []string
	for i := range quotas {
		slugs = append(slugs, quotas[i].Quota)
	}
	if known(slug, slugs) {
		return nil
	}
	return refuse(usage.CodeNotFound, "/quota", "the tenant has no quota "+quoted(slug)+usage.DidYouMean(slug, slugs))
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
			c.writeError(refuse(usage.CodeUnknownField, "/"+escapePointer(name), "a quota has no member "+quoted(name)+usage.DidYouMean(name, quotaFields)))
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
		_, err = remarshal(in, &fields)
	}
	if raw, sent := in["slug"]; err == nil && sent && string(raw) != "null" && fields.Slug != c.sub {
		err = refuse(usage.CodeInvalidValue, "/slug", "slug is not the quota in the path; leave it out")
	}
	if err == nil {
		delete(in, "slug") // the path has said it
		o.Fields, err = plainNumbers(in)
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

// plainNumbers returns members of a quota as the text of one object that says each number in one way, however it was sent: what is
// the same override is the same text, and an answer has numbers for numbers.
func plainNumbers(members map[string]json.RawMessage) (json.RawMessage, error) {
	plain := make(map[string]json.RawMessage, len(members))
	for name, raw := range members { // order-free: each by itself
		plain[name] = raw
		switch name {
		case "limit", "overage", "warn_at", "throttle_at", "burst":
			var d usage.Decimal
			if d.UnmarshalJSON(raw) == nil && d.IsSet() { // else it is null, or "unlimited"
				plain[name] = []byte(d.String())
			}
		case "rate":
			var rate map[string]json.RawMessage
			if json.Unmarshal(raw, &rate) == nil && rate != nil {
				text, err := plainNumbers(rate)
				if err != nil {
					return nil, err
				}
				plain[name] = text
			}
		}
	}
	return json.Marshal(plain)
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
	if _, err := c.eng.Tenant(c.slug); err != nil {
		c.writeError(err)
		return
	}
	if _, exists := c.overrideVersion(); !exists { // as of a tenant or a plan: that comes before any condition
		c.writeError(refuse(usage.CodeNotFound, "", "tenant "+quoted(c.slug)+" has no override of quota "+quoted(c.sub)))
		return
	}
	err := c.versioned("the override", c.overrideVersion, func(cond usage.Condition) error {
		return c.eng.DeleteOverrideIf(c.changing(), c.slug, c.sub, cond)
	})
	if err != nil {
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
