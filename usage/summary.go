package usage

import "time"

// TenantSummary is everything that a page about one tenant shows.
type TenantSummary struct {
	Tenant         TenantState
	TimeZone       string
	Period         Interval // the open billing period
	PreviousPeriod Interval
	Quotas         []QuotaStatus
	Terms          []QuotaTerms // of the same quotas
	Meters         []MeterSummary
	SparklineFrom  time.Time // start of the first day of every sparkline
	LastEventAt    time.Time // log time of the newest change of any meter; zero: none
	AsOf           AsOf
}

// MeterSummary is what a tenant used of one meter.
type MeterSummary struct {
	Meter          string      `json:"meter"`
	Name           string      `json:"name"`
	Unit           string      `json:"unit"`
	Aggregation    Aggregation `json:"aggregation"`
	Value          Decimal     `json:"value"`            // in the open billing period so far
	Previous       Decimal     `json:"previous"`         // in all of the one before
	PreviousToDate Decimal     `json:"previous_to_date"` // in as much of it as has passed of the open one, whole hours
	Trend          Decimal     `json:"trend"`            // how many percent value is above previous_to_date; null: nothing to compare with
	Sparkline      []Decimal   `json:"sparkline"`        // the last 30 days of the tenant's zone, today included
	LastEventAt    time.Time   `json:"last_event_at"`    // log time of its newest change
}
