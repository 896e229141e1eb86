package usage

import "time"

// Query asks what a meter counted.
type Query struct {
	Meter    string
	TenantID string    // empty: all tenants
	From, To time.Time // half-open; zero: the current month of the time zone
	Window   Window    // empty: WindowTotal
	TimeZone string    // IANA name; empty: the tenant's, else UTC
	FillZero bool      // also answer windows without events

	GroupBy []string            // dimensions of the meter; a row for each combination of their values
	Filter  map[string][]string // by dimension, the values that are wanted, any of them; "" stands for events without a value
	Compare Compare             // empty: nothing
	Limit   int                 // rows of one answer; 0: all, as far as an answer may reach
	Cursor  string              // NextCursor of the answer before; it needs Limit

	AsOfIndex uint64    // the number as it was after this block of the log; 0: now
	AsOfTime  time.Time // the number as it was at this log time; zero: now
}

// Compare says what a [Query] is compared with.
type Compare string

// ComparePrevious is the range just before, of the same length; before a whole day, week, month or year of the time zone the
// one before that, which may be shorter or longer.
const ComparePrevious Compare = "previous"

// Comparison is the answer to the same query over another range.
type Comparison struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Data []Row     `json:"data"`
}

// OtherValue names what is not told apart any more: combinations of values beyond the bound of a day, users and values beyond
// that of a tenant, and values that are too long.
const OtherValue = "__other__"

// Row is one window of an answer.
type Row struct {
	WindowStart time.Time          `json:"window_start"`
	WindowEnd   time.Time          `json:"window_end"`
	Value       Decimal            `json:"value"`   // absent (null) when there is nothing to say, as for min of no events
	Group       map[string]*string `json:"group"`   // by dimension; nil: events without a value
	Partial     bool               `json:"partial"` // cut by the range, or not over yet
}

// Rows is the answer to a [Query].
type Rows struct {
	Meter       string      `json:"meter"`
	Aggregation Aggregation `json:"aggregation"`
	Unit        string      `json:"unit"`

	// RelativeError bounds the error of a percentile: a value differs from the exact one by no more than this part of it.
	// Absent for other aggregations, which are exact.
	RelativeError Decimal `json:"relative_error,omitzero"`

	From       time.Time   `json:"from"`
	To         time.Time   `json:"to"`
	Window     Window      `json:"window"`
	TimeZone   string      `json:"time_zone"`
	Data       []Row       `json:"data"`
	AsOf       AsOf        `json:"as_of"`
	NextCursor *string     `json:"next_cursor"`
	Compare    *Comparison `json:"compare,omitempty"`
}

// AsOf is the point of the log that an answer reflects.
type AsOf struct {
	Index uint64    `json:"index"` // the log index of the last block applied
	Time  time.Time `json:"time"`  // its log time
}
