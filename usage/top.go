package usage

import "time"

// What a [TopQuery] ranks, beside the dimensions of the meter.
const (
	TopByTenant = "tenant"
	TopByUser   = "user"
)

// TopQuery asks who or what used most of a meter.
type TopQuery struct {
	Meter    string
	By       string    // TopByTenant (also empty), TopByUser, or a dimension of the meter
	TenantID string    // empty: all tenants
	From, To time.Time // half-open; zero: the current month of the time zone
	TimeZone string    // IANA name; empty: the tenant's, else UTC
	Limit    int       // 0: 10
}

// TopRow is one place of an answer. Group names it: {"tenant_id": ...}, {"user_id": ..., "tenant_id": ...}, or the dimension.
type TopRow struct {
	Key   *string            `json:"key"` // the value that is ranked; nil: events without one
	Value Decimal            `json:"value"`
	Group map[string]*string `json:"group"`
}

// Top is the answer to a [TopQuery]: the greatest values first, equal ones in the order of their keys. Who used nothing is not there.
type Top struct {
	Meter       string      `json:"meter"`
	Aggregation Aggregation `json:"aggregation"`
	Unit        string      `json:"unit"`
	By          string      `json:"by"`
	From        time.Time   `json:"from"`
	To          time.Time   `json:"to"`
	Data        []TopRow    `json:"data"`
	AsOf        AsOf        `json:"as_of"`
}
