package httpapi

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/internal/crashtest"
	"github.com/weirhq/weir/usage"
)

// TestUnknownOutcomeOverHTTP: the disk fails under a write. Its answer is outcome_unknown and never "not done"; everything later is
// failed; and after a restart from what a power cut would leave, the same id finds out: it counts once.
func TestUnknownOutcomeOverHTTP(t *testing.T) {
	for _, lost := range []int{0, 100} { // percent of what was not synced that survives
		mem := crashtest.New()
		var broken atomic.Bool
		disk := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if broken.Load() && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo) {
				return errors.New("injected: the disk is gone")
			}
			return nil
		}))
		open := func(fs vfs.FS) *fixture {
			eng, err := engine.Open("store", &engine.Options{FS: fs, FreeBytes: func(string) (uint64, error) { return 1 << 40, nil }})
			require.NoError(t, err)
			t.Cleanup(func() { _ = eng.Close() })
			api, err := New(eng, nil)
			require.NoError(t, err)
			return &fixture{t: t, eng: eng, api: api}
		}
		f := open(disk)
		st, secret, err := f.eng.CreateKey(context.Background(), usage.Key{Scopes: []usage.Scope{usage.ScopeAdmin}})
		require.NoError(t, err)
		f.key = FormatKey(st.ID, secret)
		const event = `{"id":"%","tenant_id":"acme","feature_type":"api_calls","quantity":5}`
		one, two := strings.Replace(event, "%", "1", 1), strings.Replace(event, "%", "2", 1)
		require.Equal(t, 200, f.post(one).Code)
		broken.Store(true)
		w := f.post(two)
		require.Equal(t, 503, w.Code)
		require.Equal(t, "outcome_unknown", f.problem(w).Code)
		require.NotEmpty(t, w.Header().Get("Retry-After"))
		w, _ = f.do("POST", "/v1/consume", `{"id":"3","tenant_id":"acme","feature_type":"api_calls"}`)
		require.Equal(t, 503, w.Code)
		require.Equal(t, "failed", f.problem(w).Code)
		require.Equal(t, 503, f.get("/healthz").Code)
		require.Equal(t, 503, f.get("/readyz").Code)

		key := f.key
		f = open(mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: lost, RNG: rand.New(rand.NewPCG(1, 1))}))
		f.key = key
		require.Contains(t, f.post(one).Body.String(), `"duplicate"`, "what was acknowledged is there")
		require.Equal(t, 200, f.post(two).Code, "and the other is counted, or was")
		require.Contains(t, f.post(two).Body.String(), `"duplicate"`)
		require.Equal(t, "10", f.total("api_calls"))
	}
}
