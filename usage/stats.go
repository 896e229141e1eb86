package usage

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

	Denied       uint64              `json:"denied"`       // consumes, reservations and leases that a quota blocked
	OtherUsers   uint64              `json:"other_users"`  // events of users beyond max_users, counted as __other__
	OtherGroups  uint64              `json:"other_groups"` // events of combinations of values beyond those of a day, counted as __other__
	Decisions    map[Decision]uint64 `json:"decisions"`    // answers of consume, by decision
	CommitTime   Histogram           `json:"commit_time"`  // from the proposal of a block until it was durable and applied
	FsyncTime    Histogram           `json:"fsync_time"`   // of the log
	LiveBytes    int64               `json:"live_bytes"`   // of the process's heap, as the last collection left it
	CacheBytes   int64               `json:"cache_bytes"`  // memory of the store's block cache
	CacheHits    int64               `json:"cache_hits"`   // of that cache
	CacheMisses  int64               `json:"cache_misses"` // of that cache
	LogStore     PebbleStats         `json:"log_store"`
	StateStore   PebbleStats         `json:"state_store"`
	SpaceTripped bool                `json:"space_tripped"` // writes are refused for lack of space
}

// Histogram counts how often something took how long: Counts[i] times less than BoundsNanos[i] and not less than the bound
// before; the last count is of what took longer than all bounds.
type Histogram struct {
	BoundsNanos []int64  `json:"bounds_nanos"`
	Counts      []uint64 `json:"counts"`
	SumNanos    int64    `json:"sum_nanos"`
}

// PebbleStats are figures of one of the two key-value stores.
type PebbleStats struct {
	DiskBytes      int64 `json:"disk_bytes"`
	Tables         int64 `json:"tables"`
	L0Tables       int64 `json:"l0_tables"` // many of them: compactions are behind
	ReadAmp        int   `json:"read_amp"`  // tables that a lookup may have to ask
	CompactionDebt int64 `json:"compaction_debt"`
	Compactions    int64 `json:"compactions"`
	Flushes        int64 `json:"flushes"`
	WriteBytes     int64 `json:"write_bytes"`
	MemTableBytes  int64 `json:"memtable_bytes"`
	WALBytes       int64 `json:"wal_bytes"`
}
