package engine

import (
	"context"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// TestJournalPages: pages of every size are the journal, whether its rows are in the store or in memory. A page that ended among
// stored rows was an error.
func TestJournalPages(t *testing.T) {
	ctx := context.Background()
	clock, fs := newTestClock(), vfs.NewMem()
	e := openMem(t, fs, clock, nil)
	putPlan(t, e, "free", monthly100)
	putTenant(t, e, "acme", "free")
	consume(t, e, ask("1", 90)) // three crossings
	require.NoError(t, e.Close())
	e = openMem(t, fs, clock, nil) // now they are in the store
	consume(t, e, ask("2", 10))    // and one is not
	for size := 1; size <= 5; size++ {
		var crossings []uint64
		for after := uint64(0); ; {
			rows, err := e.Outbox(ctx, after, size)
			require.NoError(t, err, "pages of %d, after %d", size, after)
			if len(rows) == 0 {
				break
			}
			require.LessOrEqual(t, len(rows), size)
			for _, c := range rows {
				crossings, after = append(crossings, c.Number), c.Number
			}
		}
		require.Equal(t, []uint64{1, 2, 3, 4}, crossings, "pages of %d", size)
		entries, err := e.Audit(ctx, 0, size)
		require.NoError(t, err)
		require.NotEmpty(t, entries)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel() // ends the read after its first row
	rows, err := e.Outbox(ended, 0, 100)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.NoError(t, e.Close())
}
