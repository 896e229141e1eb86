package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Two folds agree. Whoever replicates the log relies on it: (1) the same blocks give the same digest, for any number of shards, any moments of
// checkpoints and any restarts on the way; (2) the same items with the same log times, cut into other blocks, give the same
// outcome to every item and the same answers. Digests differ there, since they say in which block an id was counted.
func TestTwoFoldsAgree(t *testing.T) {
	skipRace(t)
	for run := range max(1, *simRounds/40) {
		s := seed(t) + uint64(run)
		rng := rand.New(rand.NewPCG(s, 11))
		clock := newTestClock()
		e := openMem(t, vfs.NewMem(), clock, func(o *Options) { o.CheckpointItems, o.Shards = 150, 3 })
		foldWork(t, rng, clock, e, quicker(400))
		require.NoError(t, e.Expire(context.Background())) // now, so that no entry comes behind the digest
		index, want := e.Digest()

		blocks := blocksOf(t, e)
		outcomes, answers := foldAgain(t, rng, clock, blocks, index, want)
		for range 2 {
			again, same := foldAgain(t, rng, clock, blocks, index, want)
			require.Equal(t, outcomes, again)
			require.Equal(t, answers, same)
		}
		items := itemsOf(t, e, blocks)
		for _, blockMax := range []int{1, 4, 400} {
			other := recut(rng, items, blockMax)
			t.Logf("%d items: %d blocks, cut again into %d", len(items), len(blocks), len(other))
			again, same := foldAgain(t, rng, clock, other, 0, want)
			require.Equal(t, outcomes, again, "outcomes with blocks of up to %d", blockMax)
			require.Equal(t, answers, same, "answers with blocks of up to %d", blockMax)
		}
	}
}

// foldWork does operations of every kind. The clock stands still most of the time, so that many blocks have one log time.
func foldWork(t *testing.T, rng *rand.Rand, clock *testClock, e *Engine, steps int) {
	ctx := context.Background()
	putPlan(t, e, "a", `[{"slug":"m","meter":"api_calls","period":"month","limit":300},{"slug":"h","meter":"api_calls","period":"hour","limit":60},
		{"slug":"u","meter":"api_calls","scope":"user","period":"day","limit":40,"warning_thresholds":[10,60]},{"slug":"r","meter":"api_calls","rate":{"limit":20,"per":"1m","burst":30}},
		{"slug":"s","meter":"data_transfer","period":{"sliding":"1h"},"limit":100},{"slug":"f","meter":"data_transfer","period":{"first_use":"2h"},"limit":200}]`)
	putPlan(t, e, "b", `[{"slug":"m2","meter":"api_calls","period":"month","limit":200,"overage":50,"grace_period":"1h"}]`)
	require.NoError(t, e.PutSettings(ctx, usage.Settings{DefaultPlan: new("a"), Retention: usage.Retention{Minute: usage.KeepFor(day), QuarterHour: usage.KeepFor(2 * day)}}, usage.Condition{}))
	w := &foldWorker{rng: rng, clock: clock, e: e}
	for i := range steps {
		w.step(ctx, i)
	}
}

type foldWorker struct {
	rng   *rand.Rand
	clock *testClock
	e     *Engine
	ids   []string // tenant/id of what was sent
}

// step does one thing; that it may be denied or refused is as good as anything else.
func (w *foldWorker) step(ctx context.Context, i int) {
	rng, e := w.rng, w.e
	tenant, user, id := fmt.Sprint("t", rng.IntN(4)), fmt.Sprint("u", rng.IntN(6)), fmt.Sprint(i)
	if len(w.ids) > 0 && rng.IntN(6) == 0 {
		tenant, id = w.one()
	}
	n := usage.Int(rng.Int64N(12))
	switch op := rng.IntN(22); {
	case op < 5:
		evs := make([]usage.Event, 1+rng.IntN(9))
		for j := range evs {
			evs[j] = randomEvent(rng, rng.IntN(900), w.clock.Now())
		}
		_, _ = e.RecordBatch(ctx, evs)
		return
	case op < 10:
		_, _ = e.Consume(ctx, usage.Request{ID: id, TenantID: tenant, UserID: user, Items: []usage.Item{
			{FeatureType: "api_calls", Quantity: n}, {FeatureType: "data_transfer", Quantity: usage.Int(rng.Int64N(5))}}[:1+rng.IntN(2)]})
	case op < 13:
		_, _ = e.Reserve(ctx, usage.Reservation{ID: id, TenantID: tenant, UserID: user, FeatureType: "api_calls", Quantity: n,
			TTLSeconds: 1 + rng.IntN(3000), OnExpiry: []string{"", "charge"}[rng.IntN(2)]})
	case op < 15 && len(w.ids) > 0:
		at, hold := w.one()
		switch rng.IntN(4) {
		case 0:
			_, _ = e.Commit(ctx, at, hold, n)
		case 1:
			_, _ = e.Release(ctx, at, hold)
		case 2:
			_, _ = e.Extend(ctx, at, hold, usage.Int(15), time.Hour)
		default:
			_, _ = e.Void(ctx, usage.Void{TenantID: at, ID: hold, Reason: "fold"})
		}
	case op == 15:
		_, _ = e.Adjust(ctx, usage.Adjustment{ID: id, TenantID: tenant, Meter: "api_calls", Quantity: usage.Int(rng.Int64N(9) - 6), Reason: "fold"})
	case op == 16:
		_, _ = e.ResetQuota(ctx, usage.Reset{ID: id, TenantID: tenant, Quota: "m", Reason: "fold"})
	case op == 17:
		_ = e.ChangePlan(ctx, usage.PlanChange{TenantID: tenant, Plan: []string{"a", "b"}[rng.IntN(2)], Effective: []string{"now", "period_end"}[rng.IntN(2)]})
	case op == 18:
		_ = e.PutOverride(ctx, usage.Override{TenantID: tenant, Quota: "m", Fields: fmt.Appendf(nil, `{"meter":"api_calls","period":"month","limit":%d}`, rng.IntN(900)),
			EffectiveUntil: w.clock.Now().Add(time.Duration(rng.IntN(7200)+1) * time.Second)})
	case op == 19:
		_ = e.Expire(ctx)
	default:
		w.clock.advance(time.Duration(rng.IntN(3000)) * time.Second)
		if rng.IntN(8) == 0 {
			w.clock.advance(time.Duration(rng.IntN(72)) * time.Hour)
		}
		return
	}
	w.ids = append(w.ids, tenant+"/"+id)
}

func (w *foldWorker) one() (tenant, id string) {
	tenant, id, _ = strings.Cut(w.ids[w.rng.IntN(len(w.ids))], "/")
	return tenant, id
}

func blocksOf(t *testing.T, e *Engine) (blocks [][]byte) {
	require.NoError(t, e.store.Blocks(1, func(_ uint64, block []byte) error {
		blocks = append(blocks, slices.Clone(block))
		return nil
	}))
	return blocks
}

// loggedItem is an item with the log time of its block.
type loggedItem struct {
	nanos int64
	item  *wal.Item // nil: of a block without items
}

// itemsOf decodes blocks, and writes names in the place of numbers: a number may only be used in a block after the one that made it.
func itemsOf(t *testing.T, e *Engine, blocks [][]byte) (out []loggedItem) {
	p := e.preparers.Get().(*preparer)
	for _, block := range blocks {
		var d wal.BlockDecoder // a new one each time: the items alias its memory
		h, items, err := d.Decode(block)
		require.NoError(t, err)
		if len(items) == 0 {
			out = append(out, loggedItem{h.LogTimeNanos, nil})
		}
		for i := range items {
			it := item{Item: items[i]}
			require.NoError(t, p.complete(&it))
			it.TenantNum, it.UserNum = 0, 0
			out = append(out, loggedItem{h.LogTimeNanos, &it.Item})
		}
	}
	return out
}

// recut makes blocks of up to blockMax items of one log time. Configuration travels alone, as always.
func recut(rng *rand.Rand, items []loggedItem, blockMax int) (blocks [][]byte) {
	alone := func(it loggedItem) bool { return it.item == nil || it.item.Kind == wal.KindConfig }
	var enc wal.BlockEncoder
	for at := 0; at < len(items); {
		end, most := at+1, 1+rng.IntN(blockMax)
		for !alone(items[at]) && end < len(items) && end-at < most && !alone(items[end]) && items[end].nanos == items[at].nanos {
			end++
		}
		var load []*wal.Item
		for _, it := range items[at:end] {
			if it.item != nil {
				load = append(load, it.item)
			}
		}
		blocks = append(blocks, enc.Encode(nil, wal.BlockHeader{LogTimeNanos: items[at].nanos}, load))
		at = end
	}
	return blocks
}

// foldAgain folds blocks into a fresh store, with shards, checkpoints and restarts drawn at random, and returns what became of each item and
// everything that can be asked afterwards. With an index it also compares the digest there.
func foldAgain(t *testing.T, rng *rand.Rand, clock *testClock, blocks [][]byte, index uint64, want [16]byte) (outcomes []string, answers string) {
	t.Helper()
	dst := vfs.NewMem()
	tune := func(o *Options) {
		o.Shards, o.CheckpointItems = 1+rng.IntN(8), []int{1, 7, 60, 500, 1 << 20}[rng.IntN(5)]
	}
	at := uint64(0)
	for int(at) < len(blocks) {
		stop := min(len(blocks), int(at)+1+rng.IntN(2*len(blocks)/3))
		store, err := wal.Open("store", &wal.Options{FS: dst, Logger: memOptions(dst, clock, nil).Logger, FreeBytes: memOptions(dst, clock, nil).FreeBytes})
		require.NoError(t, err)
		o := memOptions(dst, clock, tune)
		o.EnsureDefaults()
		s := newState(store, o)
		require.NoError(t, s.load())
		require.NoError(t, store.Blocks(s.applied.Load()+1, func(i uint64, block []byte) error { // what no checkpoint has
			_, err := s.Apply(i, block)
			return err
		}))
		require.Equal(t, at, s.applied.Load())
		for ; int(at) < stop; at++ {
			y, err := store.Append(at+1, blocks[at])
			require.NoError(t, err)
			require.NoError(t, y.Wait())
			results, err := s.Apply(at+1, blocks[at])
			require.NoError(t, err)
			for i := range results {
				outcomes = append(outcomes, outcomeOf(&results[i]))
			}
		}
		s.mu.Lock()
		s.ckpt.close()
		s.mu.Unlock()
		s.close()
		require.NoError(t, store.Close())
	}
	e, err := Open("store", memOptions(dst, clock, tune))
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	if index != 0 {
		got, sum := e.Digest()
		require.Equal(t, index, got)
		require.Equal(t, want, sum)
	}
	require.NoError(t, e.Verify(context.Background()))
	return outcomes, standings(e) + usageOf(t, e, clock)
}

// outcomeOf is a result as its caller sees it.
func outcomeOf(r *Result) string {
	text := fmt.Sprint(r.verdict, " ", r.timeNanos)
	if r.err != nil {
		text += " " + string(r.err.Code) + " " + r.err.Detail
	}
	if r.judged != nil {
		answer, _ := json.Marshal(r.judged.answer("", r.verdict))
		text += " " + string(answer)
	}
	return text
}

// usageOf is every meter of every tenant by day, and by user where that can be asked.
func usageOf(t *testing.T, e *Engine, clock *testClock) string {
	var out strings.Builder
	from := clock.Now().Add(-60 * day).Truncate(day)
	for _, m := range e.Meters() {
		for _, st := range e.Tenants(TenantFilter{Limit: 100}) {
			q := usage.Query{Meter: m.Meter.Slug, TenantID: st.Tenant.ID, Window: usage.WindowDay, From: from, To: clock.Now().Add(day).Truncate(day)}
			for _, by := range [][]string{nil, {"user_id"}} {
				q.GroupBy = by
				rows, err := e.Usage(context.Background(), q)
				require.NoError(t, err)
				data, err := json.Marshal(rows.Data)
				require.NoError(t, err)
				fmt.Fprintf(&out, "%s %s %v %s\n", st.Tenant.ID, m.Meter.Slug, by, data)
			}
		}
	}
	return out.String()
}
