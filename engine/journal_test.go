package engine

import (
	"context"
	"slices"
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
	putTenant(t, e, "globex", "free")
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
		require.Equal(t, crossings, crossingsOf(t, e, "acme", false, size))
		slices.Reverse(crossings)
		require.Equal(t, crossings, crossingsOf(t, e, "acme", true, size))
		require.Empty(t, crossingsOf(t, e, "globex", true, size))
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

// crossingsOf pages through the crossings of a tenant and returns their numbers.
func crossingsOf(t *testing.T, e *Engine, tenant string, newest bool, size int) (numbers []uint64) {
	at := uint64(0)
	if newest {
		at = e.OutboxLast() + 1
	}
	for {
		rows, err := e.OutboxOf(context.Background(), tenant, at, newest, size)
		require.NoError(t, err)
		require.LessOrEqual(t, len(rows), size)
		if len(rows) == 0 {
			return numbers
		}
		for _, c := range rows {
			require.Equal(t, tenant, c.TenantID)
			numbers, at = append(numbers, c.Number), c.Number
		}
	}
}

// TestCrossingsOfTenant: those of a tenant among those of others, stored and not, are found by the index.
func TestCrossingsOfTenant(t *testing.T) {
	clock, fs := newTestClock(), vfs.NewMem()
	e := openMem(t, fs, clock, nil)
	putPlan(t, e, "free", monthly100)
	want := map[string][]uint64{}
	tenants := []string{"acme", "globex", "initech"}
	for _, name := range tenants {
		putTenant(t, e, name, "free")
	}
	round := func(id string, n int64) {
		for _, name := range tenants {
			r := ask(id, n)
			r.TenantID = name
			consume(t, e, r)
		}
	}
	round("1", 60)
	require.NoError(t, e.Close())
	e = openMem(t, fs, clock, nil)
	round("2", 20)
	require.NoError(t, e.Close())
	e = openMem(t, fs, clock, nil)
	round("3", 20)
	rows, err := e.Outbox(context.Background(), 0, 100)
	require.NoError(t, err)
	require.Len(t, rows, 12)
	for _, c := range rows {
		want[c.TenantID] = append(want[c.TenantID], c.Number)
	}
	for _, name := range tenants {
		require.Equal(t, want[name], crossingsOf(t, e, name, false, 2), name)
		slices.Reverse(want[name])
		require.Equal(t, want[name], crossingsOf(t, e, name, true, 3), name)
	}
	require.NoError(t, e.Verify(context.Background()))
	require.NoError(t, e.Close())
}
