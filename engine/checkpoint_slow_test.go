package engine

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// TestReadsBesideSlowCheckpoint: while writes wait for a checkpoint that is two generations behind, those who read and those who
// look after the engine go on; who needs a checkpoint himself waits as long as its context.
func TestReadsBesideSlowCheckpoint(t *testing.T) {
	slow, goOn := make(chan struct{}), make(chan struct{})
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate && strings.Contains(op.Path, "ingest") {
			select {
			case <-slow:
				<-goOn
			default:
			}
		}
		return nil
	}))
	e := openMem(t, fs, newTestClock(), func(o *Options) { o.CheckpointItems = 10 })
	putPlan(t, e, "free", monthly100)
	putTenant(t, e, "acme", "free")
	require.NoError(t, e.checkpoint(t.Context()))
	close(slow)
	release := sync.OnceFunc(func() { close(goOn) })
	defer release()
	var recorded atomic.Int32
	written := make(chan error, 1)
	go func() {
		for i := range 100 { // one after another, so blocks of one
			if _, err := e.Record(context.Background(), event(fmt.Sprint(i))); err != nil {
				written <- err
				return
			}
			recorded.Add(1)
		}
		written <- nil
	}()
	for last := int32(-1); last < 20 || last != recorded.Load(); time.Sleep(100 * time.Millisecond) { // until writes wait
		last = recorded.Load()
	}
	require.Less(t, recorded.Load(), int32(100), "writes do not wait for the checkpoint")
	brief := func(call func(context.Context) error) func() error {
		return func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if err := call(ctx); err != nil {
				assert.ErrorIs(t, err, context.DeadlineExceeded)
			}
			return nil
		}
	}
	for name, call := range map[string]func() error{
		"stats":    func() error { e.Stats(); return nil },
		"health":   func() error { e.Health(); return nil },
		"quotas":   func() error { _, err := e.Quotas("acme", ""); return err },
		"check":    func() error { _, err := e.Check(ask("", 1)); return err },
		"usage":    func() error { _, err := e.Usage(t.Context(), usage.Query{Meter: "api_calls"}); return err },
		"overview": func() error { _, err := e.Overview(t.Context(), usage.OverviewQuery{}); return err },
		"verify":   brief(e.Verify),
		"backup":   brief(func(ctx context.Context) error { _, err := e.Backup(ctx, discard{}, nil); return err }),
		"expire":   brief(e.Expire),
	} {
		ended := make(chan error, 1)
		go func() { ended <- call() }()
		select {
		case err := <-ended:
			require.NoError(t, err, name)
		case <-time.After(10 * time.Second):
			t.Errorf("%s waits for the checkpoint", name)
		}
	}
	release()
	require.NoError(t, <-written)
	require.NoError(t, e.Verify(t.Context()))
	units, _ := e.Current("acme", "api_calls")
	require.EqualValues(t, 200, units)
}
