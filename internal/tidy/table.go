package tidy

// Module is the import path of the repository's main module.
const Module = "github.com/weirhq/weir"

// Edge allows the non-test code of From to import To. Both are paths from the root of the
// repository; "x/*" stands for everything below x, "*" for everything. A package whose name ends
// in "test" is for tests: no row lets product code import it.
type Edge struct{ From, To, Why string }

// Edges is the import table. What is not here is forbidden. Arrows point downwards only: words,
// parts, core, adapters, wiring. Packages that do not exist yet may have rows: the row is the plan.
var Edges = []Edge{
	{"internal/*", "internal/*", "helpers without domain may use one another"},

	{"internal/commitlogtest", "engine", "one conformance suite for all commit logs, run by their tests"},
	{"internal/commitlogtest", "usage", "speaks the words"},

	{"quota", "usage", "speaks the words"},
	{"quota", "internal/*", "period boundaries"},
	{"rollup", "usage", "speaks the words"},
	{"rollup", "internal/*", "civil windows"},
	{"rollup/forecast", "rollup", "forecasts over the buckets; floats stay out of apply code"},
	{"rollup/forecast", "usage", "speaks the words"},
	{"rollup/forecast", "internal/*", "civil windows"},
	{"billing", "usage", "speaks the words"},
	{"billing", "internal/*", "civil days of a period"},
	{"wal", "usage", "decimals in blocks, and the codes of refusals that reach callers"},
	{"wal", "internal/*", "spans of metadata values"},

	{"engine", "usage", "speaks the words"},
	{"engine", "quota", "decides"},
	{"engine", "rollup", "folds and queries"},
	{"engine", "wal", "the solo commit log and the checkpoints"},
	{"engine", "internal/*", "strict metadata, civil periods"},

	{"raftfsm", "engine", "drives the same Applier as the solo log"},
	{"raftfsm", "wal", "block format and its own log store"},
	{"raftfsm", "usage", "error codes of unknown outcomes"},
	{"raftfsm", "internal/*", "helpers without domain"},
	{"httpapi", "engine", "the engine over HTTP"},
	{"httpapi", "usage", "speaks the words"},
	{"httpapi", "internal/*", "strict JSON bodies"},
	{"httpapi", "rollup/forecast", "forecasts and recommendations of tenants"},
	{"httpapi", "httpapi/ui", "serves the dashboard"},
	{"httpapi", "httpapi/compat", "mounts the peers' routes"},
	{"httpapi/compat", "engine", "records what the peers' clients send"},
	{"httpapi/compat", "usage", "speaks the words"},
	{"httpapi/compat", "internal/*", "strict JSON bodies"},
	{"httpapi/client", "usage", "speaks the words; links no engine"},
	{"httpapi/client", "internal/*", "strict JSON bodies"},
	{"httpapi/middleware", "usage", "declares the engine interface it needs itself"},
	{"httpapi/middleware", "httpapi/client", "asks a remote weir; links no engine either"},
	{"httpapi/middleware", "internal/*", "helpers without domain"},
	{"alert", "engine", "reads the outbox"},
	{"alert", "usage", "speaks the words"},
	{"alert", "internal/*", "helpers without domain"},
	{"export", "engine", "streams events and rollups"},
	{"export", "usage", "speaks the words"},
	{"export", "internal/*", "helpers without domain"},
	{"billing/stripe", "engine", "reads totals"},
	{"billing/stripe", "billing", "reads invoice lines"},
	{"billing/stripe", "usage", "speaks the words"},
	{"billing/stripe", "internal/*", "helpers without domain"},

	{"cmd/*", "*", "wires everything"},
	{"bench", "*", "measures everything"},
	{"examples", "*", "shows everything, in a module of its own"},
}

// Owner allows the non-test code of one package to import one third-party module (by path prefix).
type Owner struct{ Module, Package, Why string }

// Owners is the table of third-party modules. Each heavy one has a single owner, so that leaving
// it behind touches one package. Modules that only tests use need no row.
var Owners = []Owner{
	{"github.com/cockroachdb/pebble/v2", "wal", "the key-value store under the log and the state"},
	{"github.com/cockroachdb/errors", "wal", "Pebble's file systems wrap their errors with it"},
	{"github.com/cockroachdb/pebble/v2", "raftfsm", "its own log store, in its own directory"},
	{"github.com/cockroachdb/pebble/v2", "internal/crashtest", "the file system that tests cut the power of"},
	{"github.com/RoaringBitmap/roaring/v2", "rollup", "exact unique counts"},
	{"github.com/RoaringBitmap/roaring/v2", "wal", "the index of blocks by tenant"},
	{"github.com/klauspost/compress", "wal", "S2 and zstd over block heaps"},
	{"github.com/klauspost/compress", "httpapi", "Content-Encoding of request bodies"},
	{"github.com/zeebo/xxh3", "wal", "dictionary hashes and filters"},
	{"github.com/zeebo/xxh3", "internal/strictjson", "hash of canonical JSON"},
	{"github.com/zeebo/xxh3", "engine", "keyed 128-bit hashes of event ids"},
	{"github.com/go-json-experiment/json", "internal/strictjson", "strict decoding of configuration"},
	{"gonum.org/v1/gonum", "rollup/forecast", "regression"},
	{"github.com/hashicorp/raft", "raftfsm", "replication"},
	{"github.com/stripe/stripe-go/v76", "billing/stripe", "the Stripe API"},
	{"github.com/cockroachdb/apd/v3", "billing", "decimal money"},
	{"github.com/bojanz/currency", "billing", "minor units of currencies"},
	{"github.com/parquet-go/parquet-go", "export", "Parquet"},
	{"github.com/standard-webhooks/standard-webhooks/libraries", "alert", "webhook signatures"},
	{"github.com/klauspost/compress", "cmd/*", "compressed log files of an import"},
	{"github.com/prometheus/client_golang", "wal", "the type of Pebble's own fsync histogram"},
	{"github.com/prometheus/client_model", "wal", "what that histogram is read into"},
	{"github.com/prometheus/client_golang", "httpapi", "the /metrics page"},
	{"go.opentelemetry.io/otel", "httpapi/tracing", "spans, in a module of its own: nothing else may need them"},
	{"github.com/spf13/cobra", "cmd/*", "the command line"},
	{"github.com/spf13/pflag", "cmd/*", "the command line"},
	{"github.com/schollz/progressbar/v3", "cmd/*", "progress of an import"},
	{"github.com/guptarohit/asciigraph", "cmd/*", "charts on a terminal"},
	{"golang.org/x/term", "cmd/*", "is this a terminal"},
	{"go.yaml.in/yaml/v3", "cmd/*", "the configuration file"},
	{"github.com/stretchr/testify", "internal/commitlogtest", "assertions of a suite for tests"},
	{"github.com/redis/go-redis/v9", "bench", "the rival"},
	{"github.com/sethvargo/go-limiter", "bench", "a rival"},
	{"github.com/throttled/throttled/v2", "bench", "a rival"},
	{"github.com/ulule/limiter/v3", "bench", "a rival"},
	{"golang.org/x/time", "bench", "a rival"},
	{"github.com/gin-gonic/gin", "examples", "an adapter"},
	{"github.com/labstack/echo/v4", "examples", "an adapter"},
}

// EmbedRefuses lists modules and packages that a program embedding package engine must not link,
// however indirectly.
var EmbedRefuses = []string{
	"github.com/hashicorp/raft", "github.com/stripe/stripe-go", "github.com/parquet-go",
	"go.opentelemetry.io", "gonum.org/v1/gonum", "github.com/spf13/cobra", "net/http/pprof",
	Module + "/httpapi", Module + "/raftfsm", Module + "/billing", Module + "/alert",
	Module + "/export", Module + "/rollup/forecast",
}

// Apply names the files that hold apply code: what turns the log into state. They must give the
// same state from the same log on every machine. Patterns are those of path.Match over file
// names; test files never count. In engine the clock, the committer, the solo log, the queries and
// the checkpoint writer are outside: they decide when, never what.
var Apply = map[string][]string{
	"engine": {
		"state.go", "shard.go", "contribution.go", // the state machine and its parts
		"series.go", "months.go", "totals.go", "idtable.go", "hash.go", // what a shard folds into
		"blocknotes.go", "blockfacts.go", "voidmark.go", // where things stand in the log
		"config.go", "directory.go", "meters.go", // configuration and dense numbers, from the log
		"lifetime.go", "void.go", "minutefold.go", // what is taken back
		"keysapply.go",                    // keys, from the log
		"dimensions.go", "cardinality.go", // values of dimensions
		"item.go", "prepare.go", "result.go", // matching is done again in apply when the version differs
		"rows.go", // the bytes under the digest
		"kept.go", // what has expired
	},
	"quota":  {"*.go"},
	"rollup": {"*.go"},
}
