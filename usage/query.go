package usage

import "time"

// Window is the width of the rows of a [Query].
type Window string

// The windows. Minute to month tile the time zone of the query; WindowTotal is the whole range.
const (
	WindowTotal       Window = "total"
	WindowMinute      Window = "minute"
	WindowQuarterHour Window = "15m"
	WindowHour        Window = "hour"
	WindowDay         Window = "day"
	WindowWeek        Window = "week" // ISO: from Monday
	WindowMonth       Window = "month"
	WindowBilling     Window = "billing"
)

// Query asks what a meter counted.
type Query struct {
	Meter    string
	TenantID string    // empty: all tenants
	From, To time.Time // half-open; zero: the current month of the time zone
	Window   Window    // empty: WindowTotal
	TimeZone string    // IANA name; empty: the tenant's, else UTC
	FillZero bool      // also answer windows without events
}

// Row is one window of an answer.
type Row struct {
	WindowStart time.Time          `json:"window_start"`
	WindowEnd   time.Time          `json:"window_end"`
	Value       Decimal            `json:"value"` // absent (null) when there is nothing to say, as for min of no events
	Group       map[string]*string `json:"group"`
	Partial     bool               `json:"partial"` // cut by the range, or not over yet
}

// Rows is the answer to a [Query].
type Rows struct {
	Meter       string      `json:"meter"`
	Aggregation Aggregation `json:"aggregation"`
	Unit        string      `json:"unit"`
	From        time.Time   `json:"from"`
	To          time.Time   `json:"to"`
	Window      Window      `json:"window"`
	TimeZone    string      `json:"time_zone"`
	Data        []Row       `json:"data"`
	AsOf        AsOf        `json:"as_of"`
	NextCursor  *string     `json:"next_cursor"`
}

// AsOf is the point of the log that an answer reflects.
type AsOf struct {
	Index uint64    `json:"index"` // the log index of the last block applied
	Time  time.Time `json:"time"`  // its log time
}

// Stats is a snapshot of an engine's figures. Counters count since Open unless said otherwise.
type Stats struct {
	AppliedIndex    uint64 `json:"applied_index"`    // log index of the newest applied block
	DurableIndex    uint64 `json:"durable_index"`    // log index of the newest block on disk
	CheckpointIndex uint64 `json:"checkpoint_index"` // log index that the newest checkpoint holds
	Events          uint64 `json:"events"`           // events counted in the life of the store
	Counted         uint64 `json:"counted"`
	Duplicates      uint64 `json:"duplicates"`
	Conflicts       uint64 `json:"conflicts"`
	Rejected        uint64 `json:"rejected"`
	Tenants         int    `json:"tenants"`
	Series          int    `json:"series"` // tenant x meter pairs with usage
	Users           int    `json:"users"`  // distinct (tenant, user or unique value)
	Blocks          uint64 `json:"blocks"` // blocks committed since Open
	QueueItems      int    `json:"queue_items"`
	DedupRuns       int    `json:"dedup_runs"`
	DedupBytes      int64  `json:"dedup_bytes"` // memory of open generations and filters
	DiskBytes       int64  `json:"disk_bytes"`
	DiskFreeBytes   int64  `json:"disk_free_bytes"`
	LogBytes        int64  `json:"log_bytes"` // encoded blocks committed since Open
	Replayed        uint64 `json:"replayed"`  // items folded again by Open
}
