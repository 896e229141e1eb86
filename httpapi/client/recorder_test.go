package client

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// TestRecorderCountsOnce: with and without a spool, through everything that can go wrong on the way, each event counts once.
func TestRecorderCountsOnce(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		f := newFixture(t)
		f.chaos.set(0.4, false)
		c, err := New(f.client.base, &Options{Timeout: 300 * time.Millisecond})
		require.NoError(t, err)
		r, err := c.NewRecorder(&RecorderOptions{SpoolDir: dir, BatchEvents: 40, FlushInterval: 5 * time.Millisecond})
		require.NoError(t, err)
		const writers, each = 8, 100
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for range each / 10 {
					evs := make([]usage.Event, 10)
					for i := range evs {
						evs[i] = usage.Event{TenantID: fmt.Sprint("t", w), FeatureType: "api_calls"}
					}
					if err := r.Record(context.Background(), evs...); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		require.NoError(t, r.Close(ctx))
		st := r.Stats()
		require.EqualValues(t, writers*each, st.Counted+st.Duplicates, "%+v", st)
		require.Zero(t, st.Queued)
		for w := range writers {
			units, _ := f.eng.Current(fmt.Sprint("t", w), "api_calls")
			require.EqualValues(t, each, units)
		}
		require.Equal(t, usage.CodeDraining, usage.Code(r.Record(t.Context(), usage.Event{TenantID: "t", FeatureType: "api_calls"})))
		require.NoError(t, r.Close(ctx), "again")
	}
}

// TestRecorderOutage: while weir is away events gather in the spool, another recorder takes over, and each counts once.
func TestRecorderOutage(t *testing.T) {
	f := newFixture(t)
	f.chaos.set(0, true)
	o := &RecorderOptions{SpoolDir: t.TempDir(), FlushInterval: time.Millisecond}
	const n = 30
	for round := range 3 {
		r, err := f.client.NewRecorder(o)
		require.NoError(t, err)
		require.Equal(t, n*round, r.Stats().Queued)
		for range n {
			require.NoError(t, r.Record(t.Context(), usage.Event{TenantID: "acme", FeatureType: "api_calls"}))
		}
		ended, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		require.NoError(t, r.Close(ended), "what is in the spool is safe")
		cancel()
	}
	units, _ := f.eng.Current("acme", "api_calls")
	require.Zero(t, units)
	f.chaos.set(0, false)
	r, err := f.client.NewRecorder(o)
	require.NoError(t, err)
	require.NoError(t, r.Flush(t.Context()))
	units, _ = f.eng.Current("acme", "api_calls")
	require.EqualValues(t, 3*n, units)
	require.NoError(t, r.Close(t.Context()))
}

// TestRecorderMemoryOutage: without a spool Close says what it could not deliver, and a full queue makes Record wait.
func TestRecorderMemoryOutage(t *testing.T) {
	f := newFixture(t)
	f.chaos.set(0, true)
	failed := make(chan struct{})
	once := sync.OnceFunc(func() { close(failed) })
	r, err := f.client.NewRecorder(&RecorderOptions{QueueEventsMax: 5, FlushInterval: time.Millisecond, OnError: func(error) { once() }})
	require.NoError(t, err)
	for range 5 {
		require.NoError(t, r.Record(t.Context(), usage.Event{TenantID: "acme", FeatureType: "api_calls"}))
	}
	<-failed
	ended, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	require.Equal(t, usage.CodeOverloaded, usage.Code(r.Record(ended, usage.Event{TenantID: "acme", FeatureType: "api_calls"})))
	require.ErrorContains(t, r.Close(ended), "5 events are not delivered")
}

// TestRecorderRefusals: an event that weir does not take is told, and does not hold up the others.
func TestRecorderRefusals(t *testing.T) {
	f := newFixture(t)
	var refused []string
	r, err := f.client.NewRecorder(&RecorderOptions{FlushInterval: 20 * time.Millisecond, OnRefused: func(ev usage.Event, why *usage.Error) {
		refused = append(refused, ev.ID+" "+string(why.Code))
	}})
	require.NoError(t, err)
	for i, feature := range []string{"api_calls", "no_such", "api_calls"} {
		require.NoError(t, r.Record(t.Context(), usage.Event{ID: fmt.Sprint("e", i), TenantID: "acme", FeatureType: feature}))
	}
	require.Equal(t, usage.CodeInvalidValue, usage.Code(r.Record(t.Context(), usage.Event{ID: ".", TenantID: "acme", FeatureType: "f"})), "seen at once")
	require.NoError(t, r.Close(t.Context()))
	require.Equal(t, []string{"e1 unknown_feature"}, refused)
	require.EqualValues(t, 2, r.Stats().Counted)
}

// TestRecorderHalves: a server that refuses batches as a whole, for one event in them, gets the others.
func TestRecorderHalves(t *testing.T) {
	f := newFixture(t)
	next := f.chaos.next
	f.chaos.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		if r.ContentLength > 1000 {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			_, _ = w.Write([]byte(`{"code":"too_large","detail":"the body is too large"}`))
			return
		}
		next.ServeHTTP(rec, r)
		w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
	var refused []string
	r, err := f.client.NewRecorder(&RecorderOptions{FlushInterval: 20 * time.Millisecond, OnRefused: func(ev usage.Event, why *usage.Error) {
		refused = append(refused, ev.ID+" "+string(why.Code))
	}})
	require.NoError(t, err)
	var evs []usage.Event
	for i := range 20 {
		ev := usage.Event{ID: fmt.Sprint("e", i), TenantID: "acme", FeatureType: "api_calls"}
		if i == 13 {
			ev.Metadata = fmt.Appendf(nil, `{"pad":"%01200d"}`, 0)
		}
		evs = append(evs, ev)
	}
	require.NoError(t, r.Record(t.Context(), evs...))
	require.NoError(t, r.Close(t.Context()))
	require.Equal(t, []string{"e13 too_large"}, refused)
	require.EqualValues(t, 19, r.Stats().Counted)
}

// TestRecorderBatches: events that come together travel together, and one alone does not wait for ever.
func TestRecorderBatches(t *testing.T) {
	f := newFixture(t)
	r, err := f.client.NewRecorder(&RecorderOptions{BatchEvents: 50, FlushInterval: 50 * time.Millisecond})
	require.NoError(t, err)
	for range 500 {
		require.NoError(t, r.Record(t.Context(), usage.Event{TenantID: "acme", FeatureType: "api_calls"}))
	}
	require.NoError(t, r.Flush(t.Context()))
	require.LessOrEqual(t, r.Stats().Batches, uint64(60))
	require.NoError(t, r.Record(t.Context(), usage.Event{TenantID: "acme", FeatureType: "api_calls"}))
	require.Eventually(t, func() bool { return r.Stats().Counted == 501 }, time.Minute, time.Millisecond)
	require.NoError(t, r.Close(t.Context()))
}

// slowAck is a queue whose acknowledgement takes as long as the test wants.
type slowAck struct {
	queue
	acking, goOn chan struct{}
}

func (q *slowAck) ack(n int, at place) error {
	close(q.acking)
	<-q.goOn
	return q.queue.ack(n, at)
}

// TestFlushBetweenAnswerAndAck: events that weir has answered for, and that the queue still holds, are not waited for twice.
func TestFlushBetweenAnswerAndAck(t *testing.T) {
	f := newFixture(t)
	q := &slowAck{queue: newMemory(100), acking: make(chan struct{}), goOn: make(chan struct{})}
	r := newRecorder(f.client, RecorderOptions{BatchEvents: 10, BatchBytes: 1 << 20, FlushInterval: time.Millisecond}, q)
	require.NoError(t, r.Record(context.Background(), usage.Event{ID: "1", TenantID: "acme", FeatureType: "mails", Quantity: usage.Int(1)}))
	<-q.acking
	flushed := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	go func() { flushed <- r.Flush(ctx) }()
	<-r.flush // it has looked at how much there is, and waits
	close(q.goOn)
	require.NoError(t, <-flushed)
	require.NoError(t, r.Close(context.Background()))
}
