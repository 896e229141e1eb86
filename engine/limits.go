package engine

import (
	"time"

	"github.com/weirhq/weir/usage"
)

// Every bound of the engine, with its derivation.
const (
	// requestItemsMax is how many items of a batch travel as one request through the queue. Half a
	// block: two callers fill a block, and no caller holds the queue for longer than that.
	requestItemsMax = 2048

	// queueRequestsMax bounds what waits for the committer: 64 requests of at most 2,048 items of about
	// 400 bytes are at most 50 MiB. Callers beyond it wait in their own goroutine until ctx ends.
	queueRequestsMax = 64

	// pipelineBlocksMax is how many blocks may be appended but not yet acknowledged. 16 blocks
	// cover an fsync ten times slower than usual at full rate before the committer waits.
	pipelineBlocksMax = 16

	// pipelineItemsMin is the load that is submitted while another block is being synced. From here on its encoding (10 us) and what
	// its callers do before and after (5 us a consume, on all cores) are worth overlapping with the fsync (150 us); below it, one
	// fsync for all is.
	pipelineItemsMin = 64

	// gatherYields is how often the committer lets others run before it takes the queue for empty: a microsecond
	// when nobody is ready, while callers that were just woken need about two each.
	gatherYields = 4

	// checkpointItems, checkpointLogBytes and checkpointBuckets start a checkpoint: the tail that Open folds again is at most
	// about two of them (one being written, one open), a second or so of work. Buckets are what history is made of that is taken in
	// at once: nearly every event has minutes of its own, in two meters, at 60 to 110 bytes of memory each.
	checkpointItems    = 1 << 20
	checkpointLogBytes = 64 << 20
	checkpointBuckets  = 1 << 19

	// shardsMax bounds the shards: more than this many workers only add hand-over cost.
	shardsMax = 16

	// parallelItemsMin is the size of a block from which it is split over shard workers; below it
	// the hand-over (about 2 us a worker) costs more than it gains.
	parallelItemsMin = 256

	// usersPerTenantMax is how many distinct users (and unique values) a tenant may have; the rest
	// counts as otherMember. A dense uint32 each, about 100 bytes of memory each.
	usersPerTenantMax = 1 << 20

	// tuplesPerDayMax is how many combinations of values of a meter's dimensions are told apart a tenant and UTC day
	// (SEMANTICS 2): a row of a day stays below 300 KiB.
	tuplesPerDayMax = 10_000

	// dimensionBytesMax bounds the value of a dimension, as ids are bounded; longer ones are not told apart.
	dimensionBytesMax = usage.IdentifierBytesMax

	// metersMax bounds the meters of a store: series are found by meter number in a slice.
	metersMax = 4096

	// keysMax bounds the keys of a store, revoked ones included: each is about 300 bytes of the configuration row.
	keysMax = 1 << 16

	// passTimeMax is how long a read waits for the log to pass the time at which something is due: thousands of fsyncs. Whoever asks
	// for a decision does so while somebody waits for his.
	passTimeMax = 2 * time.Second

	// leaseDoubtsMax bounds the calls of Lease that gave up and that nobody has repeated yet: 4,096 keys are half a megabyte.
	leaseDoubtsMax = 1 << 12

	// aheadMinutesMax bounds how far beyond its period a new counter looks for usage that is stamped ahead: as far as the
	// clock may be.
	aheadMinutesMax = int64(clockAheadMax / time.Minute)

	// filterValuesMax bounds the values of one filter of a query: they are compared one by one.
	filterValuesMax = 256

	// topLimitDefault and topLimitMax bound the places of a Top; topGroupsMax the groups of one tenant that it ranks: what a few
	// hundred days near the bound on tuples have.
	topLimitDefault = 10
	topLimitMax     = 1000
	topGroupsMax    = 2_000_000

	// eventsPageDefault is how many events a page lists when the caller does not say; eventsScanItemsMax how many items of the
	// log it looks at for them: decoding a million takes about 0.1 s.
	eventsPageDefault  = 100
	eventsScanItemsMax = 1 << 20

	// explainHoursMax is how long a range is explained by the hour; longer ones are by the day.
	explainHoursMax = 49 * time.Hour

	// refoldBlocksMax and refoldItemsMax bound what a void may read of the log to count a minute again. It happens in apply, where
	// everybody waits: 512 Ki items take about 0.1 s to decode and evaluate, 16 Ki blocks of few items as long to read.
	refoldBlocksMax = 1 << 14
	refoldItemsMax  = 1 << 19

	// rowsMax bounds the rows of one answer of Usage.
	rowsMax = 50_000

	// clockBehindMax and clockAheadMax are how far wall clock and log time may be apart (SEMANTICS 1).
	clockBehindMax = 5 * time.Minute
	clockAheadMax  = 35 * 24 * time.Hour

	// maxAgeDefault and maxAheadDefault are the accepted ages of timestamps (SEMANTICS 1).
	maxAgeDefault   = 35 * 24 * time.Hour
	maxAheadDefault = 5 * time.Minute
)

// otherMember is the dense number that stands for all users beyond usersPerTenantMax; real
// users start at firstMember.
const (
	otherMember = 1
	firstMember = 2
)
