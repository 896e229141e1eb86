package engine

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// behindLog is a log that has not synced its newest blocks yet.
type behindLog struct {
	CommitLog
	durable uint64
}

func (l *behindLog) DurableIndex() uint64 { return l.durable }

// A cursor from somewhere else, such as the store of before a restore, shows no event that a power cut could still lose, nor trips over
// a block that is being applied.
func TestEventsBeyondTheDurable(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	for _, id := range []string{"a", "b"} {
		_, err := e.Record(t.Context(), event(id))
		require.NoError(t, err)
	}
	log := e.log
	e.log = &behindLog{log, log.DurableIndex() - 1}
	for _, cursor := range []string{"", "3.2000", "999999.0"} {
		for _, tenant := range []string{"", "acme"} {
			page, err := e.Events(t.Context(), usage.EventFilter{TenantID: tenant, Cursor: cursor})
			require.NoError(t, err)
			require.Len(t, page.Data, 1, "cursor %q", cursor)
			require.Equal(t, "a", page.Data[0].ID)
		}
	}
	e.log = log
}
