package middleware

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// A lease of a tenant that falls silent is settled before it ends: what was not spent of one that expires is charged all the same.
func TestIdleLeaseIsSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSlowGranter()
		close(g.grant)
		l := newLeases(g, &Options{})
		ctx := context.Background()
		require.True(t, l.take(ctx, "acme", "api_calls", usage.Int(3)))
		time.Sleep(2 * time.Minute) // the lease was for one
		synctest.Wait()
		g.mu.Lock()
		require.Equal(t, map[string]string{g.granted[0]: "3"}, g.settled)
		g.mu.Unlock()
		require.True(t, l.take(ctx, "acme", "api_calls", usage.Int(1)))
		require.NoError(t, l.close(ctx))
		require.Equal(t, map[string]string{g.granted[0]: "3", g.granted[1]: "1"}, g.settled)
		time.Sleep(2 * time.Minute)
		require.Len(t, g.granted, 2)
	})
}
