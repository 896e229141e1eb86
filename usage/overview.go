package usage

import "time"

// OverviewQuery asks how everything stands. Zero fields are defaults.
type OverviewQuery struct {
	Range string // "month", or whole hours or days such as "24h" (the default), "7d"
	Meter string // whose top tenants are wanted; default: the one that most tenants use
	Top   int    // how many of them, default 10
	Limit int    // how many quotas that need attention, default 20
}

// Overview is how all tenants together stand. Ranges of up to four days are whole UTC hours, ending with the running one; longer
// ones, and the month, whole UTC days, ending with today. The range before is as long as what has passed of this one.
type Overview struct {
	Range         string           `json:"range"`
	From          time.Time        `json:"from"`
	To            time.Time        `json:"to"`
	Now           time.Time        `json:"now"`
	PreviousFrom  time.Time        `json:"previous_from"`
	PreviousTo    time.Time        `json:"previous_to"`
	StepSeconds   int64            `json:"step_seconds"` // of every series: an hour or a day
	Tenants       int              `json:"tenants"`
	ActiveTenants int              `json:"active_tenants"` // whose usage changed in the range
	Items         ItemTotals       `json:"items"`
	Meters        []MeterTotal     `json:"meters"`
	Top           TopTenants       `json:"top_tenants"`
	Attention     []QuotaAttention `json:"attention"`
	NeedAttention int              `json:"attention_total"` // quotas, those beyond the list included
	AsOf          AsOf             `json:"as_of"`
}

// ItemTotals is what became of the items of the log: events, consumes and other operations, by the hour they were written.
type ItemTotals struct {
	ItemCounts
	PerSecond Decimal    `json:"per_second"` // counted, over what has passed of the range
	Previous  ItemCounts `json:"previous"`
	Series    []int64    `json:"series"` // counted, by step
}

// ItemCounts counts items by outcome. What is refused before it reaches the log, such as a malformed event, is in none of them.
type ItemCounts struct {
	Counted    int64 `json:"counted"`
	Duplicates int64 `json:"duplicates"`
	Conflicts  int64 `json:"conflicts"`
	Rejected   int64 `json:"rejected"`
	Denied     int64 `json:"denied"`
}

// What the value of a [MeterTotal] stands for.
const (
	BasisRange = "range" // what was counted in the range: sum and count meters
	BasisMonth = "month" // the sum of the tenants' values of the open calendar month, UTC
	BasisNow   = "now"   // the sum of the tenants' values now: latest meters
)

// MeterTotal is one meter over all tenants.
type MeterTotal struct {
	Meter       string      `json:"meter"`
	Name        string      `json:"name"`
	Unit        string      `json:"unit"`
	Aggregation Aggregation `json:"aggregation"`
	Basis       string      `json:"basis"`
	Tenants     int         `json:"tenants"`  // that used it in the open month; of a latest meter: ever
	Value       Decimal     `json:"value"`    // null: beyond an int64 of units
	Previous    Decimal     `json:"previous"` // of the range before; null: not known for this basis
	Series      []Decimal   `json:"series"`   // by step; empty: not known for this basis

}

// TopTenants are the tenants that used most of a meter in the open calendar month, UTC; of a latest meter, that have most now.
type TopTenants struct {
	Meter string      `json:"meter"`
	Data  []TopTenant `json:"data"`
}

// TopTenant is one of them.
type TopTenant struct {
	TenantID string       `json:"tenant_id"`
	Name     string       `json:"name"`
	Plan     string       `json:"plan"`
	Value    Decimal      `json:"value"`
	Quota    *QuotaStatus `json:"quota"` // the quota on the meter that is nearest to its limit; null: none
}

// Why a quota needs attention.
const (
	AttentionOver = "over" // more was used than the limit, or calls are blocked
	AttentionNear = "near" // beyond its warning
	AttentionPace = "pace" // at the pace of its open period so far it will pass the limit before the end
)

// QuotaAttention is a quota of a tenant that somebody should look at.
type QuotaAttention struct {
	TenantID string      `json:"tenant_id"`
	Name     string      `json:"name"`
	Plan     string      `json:"plan"`
	Why      string      `json:"why"`
	Quota    QuotaStatus `json:"quota"`
}
