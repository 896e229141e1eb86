package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/civil"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
)

// Configuration changes by log entries too, so that every decision can be folded again with the
// configuration of its time. A config is immutable: apply builds the next one and publishes it.

// config is the configuration as of one log entry.
type config struct {
	version uint64 // log index of the entry that made it; 0: none yet
	meters  []*meter
	bySlug  map[string]*meter
	byEvent map[string]*match // by feature type; never holds usage.AnyEventType
	any     []*meter          // live meters that count every event

	plans     map[string]*plan
	settings  settings
	zones     map[string]*civil.Table // by IANA name, as they entered the log
	quotas    []string                // slugs of quotas ever used; number n is at n-1
	quotaNums map[string]uint32
	ages      ageLimits

	kept *kept           // what retention has left; nil: everything
	keys map[string]*key // by id; revoked ones too, so that none comes back
}

// meter is a usage.Meter with what apply needs precomputed. Immutable.
type meter struct {
	num        uint32 // dense, from 1, never used again; the key of its series
	def        usage.Meter
	kind       rollup.Kind
	scale      int
	usesValue  bool     // the aggregation folds a value (not count, not unique_count)
	valuePath  []string // nil: the event's quantity
	uniquePath []string // nil: user_id; of unique_count
	filter     *filter  // nil: every event
	dims       []string // declared dimensions, without the user, which every meter has
	byUser     bool     // usage is kept by user, too
	grouped    bool     // usage is kept by tuples at all
	version    uint64   // log index of its last change
	archived   bool
	lives      []lifetime
}

// match is the meters that count one feature type: its own, then those of any event.
type match struct {
	meters []*meter
	levels bool // one of them follows a level, so a negative quantity may be meant, and the identity of an event orders it
	latest bool // one of them is a latest meter, so zero may be a value that is set
	dims   []dimension
	places [][]uint8 // by meter: where its dimensions are in dims
}

// configEntry is the body of a KindConfig item.
type configEntry struct {
	Op        string          `json:"op"`
	Actor     string          `json:"actor,omitempty"`
	RequestID string          `json:"request_id,omitempty"`
	Trace     string          `json:"trace,omitempty"` // W3C traceparent
	Secret    uint64          `json:"secret,string,omitempty"`
	Meters    []usage.Meter   `json:"meters,omitempty"`
	Meter     *usage.Meter    `json:"meter,omitempty"`
	Slug      string          `json:"slug,omitempty"`
	Condition usage.Condition `json:"condition,omitzero"`

	Plan     *usage.Plan       `json:"plan,omitempty"`
	Apply    string            `json:"apply,omitempty"` // of a plan: who moves to the new version
	Tenant   *usage.Tenant     `json:"tenant,omitempty"`
	Zone     *zoneEntry        `json:"zone,omitempty"`
	Change   *usage.PlanChange `json:"change,omitempty"`
	Override *usage.Override   `json:"override,omitempty"`
	Settings *usage.Settings   `json:"settings,omitempty"`
	Expiry   *expiry           `json:"expiry,omitempty"`
	Ages     *ageLimits        `json:"ages,omitempty"`
	Key      *keyEntry         `json:"key,omitempty"`
}

// zoneEntry brings the table of a time zone into the log, at its first use.
type zoneEntry struct {
	Name  string `json:"name"`
	Table []byte `json:"table"`
}

const (
	opGenesis        = "genesis"
	opMeterPut       = "meter.put"
	opMeterDelete    = "meter.delete"
	opPlanPut        = "plan.put"
	opPlanDelete     = "plan.delete"
	opTenantPut      = "tenant.put"
	opTenantDelete   = "tenant.delete"
	opTenantPlan     = "tenant.plan"
	opOverridePut    = "override.put"
	opOverrideDelete = "override.delete"
	opSettingsPut    = "settings.put"
	opAgesPut        = "ages.put" // another MaxAge or MaxAhead
	opZonePut        = "zone.put" // another time zone database has another table for a zone that is known
	opExpire         = "expire"   // retention
	opKeyPut         = "key.put"
	opKeyRotate      = "key.rotate"
	opKeyDelete      = "key.delete"
	opTick           = "tick" // nothing but the time: something was due
)

// encode writes the entry as it stands in the log.
func (c *configEntry) encode() []byte {
	b, err := json.Marshal(c)
	if err != nil {
		panic("BUG: config entry does not marshal: " + err.Error())
	}
	return b
}

// presetMeters are the meters of an empty store (SEMANTICS 2).
func presetMeters() []usage.Meter {
	return []usage.Meter{
		{Slug: "api_calls", Name: "API calls", Aggregation: usage.Sum, Scale: new(0), Unit: "call"},
		{Slug: "data_transfer", Name: "Data transfer", Aggregation: usage.Sum, Scale: new(0), Unit: "byte"},
		{Slug: "compute_time", Name: "Compute time", Aggregation: usage.Sum, Unit: "second"},
		{Slug: "session_time", Name: "Session time", Aggregation: usage.Sum, Unit: "second"},
		{Slug: "storage", Name: "Storage", Aggregation: usage.Latest, Scale: new(0), Unit: "byte"},
		{Slug: "storage_hours", Name: "Storage hours", EventType: "storage", Aggregation: usage.WeightedSum, Scale: new(0), Unit: "byte-hour"},
		{Slug: "active_users", Name: "Active users", EventType: usage.AnyEventType, Aggregation: usage.UniqueCount, Unit: "user"},
		{Slug: "seats", Name: "Seats", Aggregation: usage.Latest, Scale: new(0), Unit: "seat"},
		{Slug: "projects", Name: "Projects", Aggregation: usage.Latest, Scale: new(0), Unit: "project"},
		{Slug: "feature_use", Name: "Feature use", Aggregation: usage.Count, Unit: "use", Dimensions: []string{"metadata.feature"}},
		{Slug: "llm_tokens", Name: "LLM tokens", Aggregation: usage.Sum, Scale: new(0), Unit: "token",
			Dimensions: []string{"metadata.model", "metadata.kind"}},
	}
}

// compile precomputes a meter. def is validated.
func compile(num uint32, def usage.Meter, version uint64) (*meter, error) {
	kind, _, ok := rollup.FoldOf(def.Aggregation)
	if !ok {
		return nil, fmt.Errorf("meter %s: aggregation %q is unknown", def.Slug, def.Aggregation)
	}
	m := &meter{num: num, def: def, kind: kind, scale: def.ScaleOf(), version: version, filter: compileFilter(def.Filters)}
	m.usesValue = kind != rollup.KindCount && kind != rollup.KindUnique
	if def.ValueProperty != "" {
		m.valuePath = strings.Split(def.ValueProperty, ".")
	}
	if def.UniqueProperty != "" && def.UniqueProperty != "user_id" {
		m.uniquePath = strings.Split(def.UniqueProperty, ".")
	}
	m.setDimensions()
	return m, nil
}

// level tells that the meter follows a level that events set or move: the order of events matters, and a value may be negative.
func (m *meter) level() bool { return m.kind == rollup.KindLatest || m.kind == rollup.KindWeighted }

// monthly tells that series of a kind keep a counter of the open month. Percentiles and unit-hours are no whole numbers, and what
// they are made of grows with the events.
func monthly(k rollup.Kind) bool { return k != rollup.KindPercentile && k != rollup.KindWeighted }

// hasCounter tells that the counter of a series of m is a whole number of units, which Current answers.
func (m *meter) hasCounter() bool { return m.kind != rollup.KindAvg && monthly(m.kind) }

// with returns a config in which m stands in place of the meter of its number, or is added.
func (c *config) with(m *meter) *config {
	next := c.next(m.version)
	next.meters = slices.Clone(c.meters)
	if int(m.num) <= len(next.meters) {
		next.meters[m.num-1] = m
	} else {
		next.meters = append(next.meters, m)
	}
	next.index()
	return next
}

// withZone returns a config that knows one more zone.
func (c *config) withZone(index uint64, name string, table *civil.Table) *config {
	n := c.next(index)
	n.zones = maps.Clone(c.zones)
	if n.zones == nil {
		n.zones = make(map[string]*civil.Table)
	}
	n.zones[name] = table
	return n
}

// index builds the lookups from meters.
func (c *config) index() {
	c.bySlug = make(map[string]*meter, len(c.meters))
	c.byEvent = make(map[string]*match)
	c.any = nil
	for _, m := range c.meters {
		c.bySlug[m.def.Slug] = m
		if m.archived {
			continue
		}
		if m.def.EventType == usage.AnyEventType {
			c.any = append(c.any, m)
			continue
		}
		t := c.byEvent[m.def.EventType]
		if t == nil {
			t = &match{}
			c.byEvent[m.def.EventType] = t
		}
		t.meters = append(t.meters, m)
	}
	for _, t := range c.byEvent { // order-free: each match is completed by itself
		t.meters = append(t.meters, c.any...)
		t.complete()
	}
}

// complete fills in what follows from the meters.
func (t *match) complete() {
	t.latest = slices.ContainsFunc(t.meters, func(m *meter) bool { return m.kind == rollup.KindLatest })
	t.levels = slices.ContainsFunc(t.meters, (*meter).level)
	t.setDimensions()
}

// noMeter is the error of a slug that no meter has.
func (c *config) noMeter(code usage.ErrorCode, pointer, slug string) *usage.Error {
	var known []string
	for _, m := range c.meters {
		if !m.archived {
			known = append(known, m.def.Slug)
		}
	}
	return usage.NoMeter(code, pointer, slug, known)
}

// unknownFeature is the refusal of a feature type that no meter counts.
func (c *config) unknownFeature(feature string) *usage.Error {
	detail := fmt.Sprintf("no meter counts feature_type %q", feature)
	var known []string
	for _, m := range c.meters {
		if !m.archived && m.def.EventType != usage.AnyEventType {
			known = append(known, m.def.EventType)
		}
	}
	if near, ok := usage.Nearest(feature, known); ok {
		detail += fmt.Sprintf("; did you mean %q?", near) // quoted: any text may be a feature type
	} else {
		detail += "; make one with PUT /v1/meters/{slug}, or start with --auto-meters"
	}
	return &usage.Error{Code: usage.CodeUnknownFeature, Pointer: "/feature_type", Detail: detail}
}
