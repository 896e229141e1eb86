package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// Reads that let the log pass a moment do not wait for a disk that has stalled: they answer of the state as it is.
func TestReadsDoNotWaitForAStalledDisk(t *testing.T) {
	stalled, goOn := make(chan struct{}), make(chan struct{})
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo {
			select {
			case <-stalled:
				if strings.HasSuffix(op.Path, ".log") {
					<-goOn
				}
			default:
			}
		}
		return nil
	}))
	clock := newTestClock()
	e := openMem(t, fs, clock, nil)
	putPlan(t, e, "free", monthly100)
	putTenant(t, e, "acme", "free")
	ctx := t.Context()
	_, err := e.Reserve(ctx, usage.Reservation{ID: "r", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(5), TTLSeconds: 1})
	require.NoError(t, err)
	close(stalled)
	clock.advance(2 * time.Second) // it is due to expire
	for name, read := range map[string]func(){
		"check":   func() { _, _ = e.Check(ask("", 1)) },
		"quotas":  func() { _, _ = e.Quotas("acme", "") },
		"allowed": func() { e.Allowed("acme", "api_calls", 1) },
		"usage":   func() { _, _ = e.Usage(ctx, usage.Query{Meter: "api_calls"}) },
		"tenants": func() { e.Tenants(TenantFilter{NearLimit: true, Limit: 10}) },
	} {
		ended := make(chan struct{})
		go func() { read(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Errorf("%s waits for the disk", name)
		}
	}
	close(goOn)
	require.Eventually(t, func() bool {
		q, err := e.Quotas("acme", "")
		return err == nil && q[0].Reserved.String() == "0"
	}, 10*time.Second, time.Millisecond)
}
