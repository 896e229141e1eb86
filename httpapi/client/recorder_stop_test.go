package client

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// within fails the test when something lasts for longer than anything should.
func within(t *testing.T, what string, do func()) {
	t.Helper()
	ended := make(chan struct{})
	go func() { do(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal(what + " does not end")
	}
}

// While weir is away and the queue is full, Close waits neither for a Record that waits for room nor leaves a Flush waiting for what
// nobody delivers any more.
func TestRecorderCloseWaitsForNobody(t *testing.T) {
	f := newFixture(t)
	f.chaos.set(0, true)
	r, err := f.client.NewRecorder(&RecorderOptions{QueueEventsMax: 1, FlushInterval: time.Millisecond})
	require.NoError(t, err)
	ev := usage.Event{TenantID: "acme", FeatureType: "api_calls"}
	require.NoError(t, r.Record(t.Context(), ev))
	var waiting sync.WaitGroup
	waiting.Go(func() {
		err := r.Record(context.Background(), ev)
		if usage.Code(err) != usage.CodeDraining {
			t.Errorf("Record that waited for room: %v", err)
		}
	})
	waiting.Go(func() {
		if err := r.Flush(context.Background()); err == nil {
			t.Error("nothing was delivered")
		}
	})
	time.Sleep(30 * time.Millisecond) // both wait: nothing of the recorder's tells so
	ended, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	within(t, "Close", func() { require.ErrorContains(t, r.Close(ended), "1 events are not delivered") })
	within(t, "Record or Flush", waiting.Wait)
	require.NoError(t, r.Close(ended), "again")
}

// slowFile is a segment during whose fsyncs others come to write.
type slowFile struct {
	spoolFile
	sync func()
}

func (f slowFile) Sync() error {
	f.sync()
	return f.spoolFile.Sync()
}

// Whoever writes for others, too, goes on when his own events are safe, however many come meanwhile.
func TestSpoolHoldsNoWriter(t *testing.T) {
	const rounds = 200
	var others sync.WaitGroup
	var s *spool
	begun := make(chan struct{})
	first := make(chan struct{})
	n := 0
	var err error
	s, err = openSpool(t.TempDir(), 1<<20, func(path string) (spoolFile, error) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		return slowFile{f, func() {
			select {
			case <-begun:
			default:
				return
			}
			if n++; n >= rounds {
				return
			}
			others.Go(func() {
				if err := s.append(context.Background(), [][]byte{[]byte(`{"other":1}`)}); err != nil {
					t.Error(err)
				}
			})
			for waits := false; !waits; { // the next group is there before this one is written
				s.mu.Lock()
				waits = s.pending != nil
				s.mu.Unlock()
				time.Sleep(10 * time.Microsecond)
			}
			if n == rounds/2 {
				select {
				case <-first:
				default:
					t.Error("the first writer writes for the others still")
				}
			}
		}}, err
	})
	require.NoError(t, err)
	close(begun)
	go func() {
		defer close(first)
		if err := s.append(context.Background(), [][]byte{[]byte(`{"first":1}`)}); err != nil {
			t.Error(err)
		}
	}()
	<-first
	others.Wait()
	require.NoError(t, s.close())
}
