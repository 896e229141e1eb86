package httpapi

import (
	"context"

	"github.com/weirhq/weir/usage"
)

// Engine is what the API needs of an engine. All methods are safe for concurrent use.
type Engine interface {
	// Record counts one event; the error is of the write as a whole (overloaded, failed,
	// unknown), what became of the event is in the Outcome.
	Record(ctx context.Context, ev usage.Event) (usage.Outcome, error)
	// RecordBatch counts each event by itself and answers in order. The strings and metadata
	// of all events may be parts of one array as large as the request body, and they are never
	// changed after the call: the engine may read them for as long as it wants, also after
	// it returned early, but it should clone the few that it keeps.
	RecordBatch(ctx context.Context, evs []usage.Event) ([]usage.Outcome, error)

	Meter(slug string) (usage.MeterState, bool)
	// Meters answers in the order of the slugs; archived meters may be among them.
	Meters() []usage.MeterState
	PutMeterIf(ctx context.Context, m usage.Meter, cond usage.Condition) (st usage.MeterState, created bool, err error)
	DeleteMeterIf(ctx context.Context, slug string, cond usage.Condition) error

	Usage(ctx context.Context, q usage.Query) (usage.Rows, error)
	Stats() usage.Stats
	Health() []usage.HealthCheck
}
