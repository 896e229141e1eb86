package usage

// Aggregation is how a meter folds the values of its events into one number.
type Aggregation string

// The aggregations.
const (
	Sum         Aggregation = "sum"
	Count       Aggregation = "count"
	Min         Aggregation = "min"
	Max         Aggregation = "max"
	Avg         Aggregation = "avg"
	Latest      Aggregation = "latest"       // the value with the greatest event time
	UniqueCount Aggregation = "unique_count" // exact
	WeightedSum Aggregation = "weighted_sum"
	P50         Aggregation = "p50"
	P90         Aggregation = "p90"
	P99         Aggregation = "p99"
)

// AnyEventType is the EventType of a meter that counts every event.
const AnyEventType = "*"

// Meter says which events are counted and how. Everything but Name and Unit is immutable.
type Meter struct {
	Slug           string      `json:"slug"`
	Name           string      `json:"name,omitempty"`
	EventType      string      `json:"event_type"` // a feature_type, or AnyEventType; empty means Slug
	Aggregation    Aggregation `json:"aggregation"`
	ValueProperty  string      `json:"value_property,omitempty"`  // a property path; empty means the event's quantity
	UniqueProperty string      `json:"unique_property,omitempty"` // of unique_count; empty means user_id
	Scale          *int        `json:"scale,omitempty"`           // decimals kept, 0-9; nil: 0 for count and unique_count, else 3
	Unit           string      `json:"unit,omitempty"`
	Filters        *Filter     `json:"filters,omitempty"`
	Dimensions     []string    `json:"dimensions,omitempty"` // at most 8 property paths
}

// Filter is a condition on an event: And, Or, or one comparison of a property.
type Filter struct {
	And      []Filter `json:"and,omitempty"`
	Or       []Filter `json:"or,omitempty"`
	Property string   `json:"property,omitempty"`
	Op       string   `json:"op,omitempty"` // eq ne in nin gt gte lt lte exists prefix
	Value    any      `json:"value,omitempty"`
}
