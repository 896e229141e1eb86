package main

import (
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"github.com/weirhq/weir/usage"
)

// TestEventsAreDistinctAndRepeatable: a duplicate must be the same payload, and nothing else may
// share an id, or the counts that every workload checks would be wrong.
func TestEventsAreDistinctAndRepeatable(t *testing.T) {
	src := newSource(100, 0)
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	const n = 50_000
	evs := make([]usage.Event, n)
	src.fill(evs, func(i int) uint64 { return uint64(i) })
	again := make([]usage.Event, n)
	src.fill(again, func(i int) uint64 { return uint64(i) })
	seen := map[string]bool{}
	for i, ev := range evs {
		if seen[ev.ID] || !uuid.MatchString(ev.ID) {
			t.Fatalf("event %d has the id %q: twice, or no UUIDv4", i, ev.ID)
		}
		seen[ev.ID] = true
		a, b := string(appendJSON(nil, &ev)), string(appendJSON(nil, &again[i]))
		if a != b {
			t.Fatalf("event %d differs when made again:\n%s\n%s", i, a, b)
		}
	}
	other := make([]usage.Event, 1)
	newSource(100, 1).fill(other, func(int) uint64 { return 0 })
	if seen[other[0].ID] {
		t.Error("another seed gives the same id")
	}
}

// TestEventJSON: the hand-written encoder says what encoding/json reads.
func TestEventJSON(t *testing.T) {
	evs := make([]usage.Event, 200)
	newSource(10, 0).fill(evs, func(i int) uint64 { return uint64(i) })
	for _, want := range evs {
		var got usage.Event
		if err := json.Unmarshal(appendJSON(nil, &want), &got); err != nil {
			t.Fatal(err)
		}
		if got.ID != want.ID || got.TenantID != want.TenantID || got.UserID != want.UserID ||
			got.FeatureType != want.FeatureType || got.Quantity != want.Quantity ||
			string(got.Metadata) != string(want.Metadata) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// TestNumbering: fresh numbers never repeat over all callers, and duplicates were sent before by
// the same caller.
func TestNumbering(t *testing.T) {
	const callers, each = 4, 20_000
	owner := map[uint64]int{}
	repeated := 0
	for c := range callers {
		n := newNumbering(c, callers, 50)
		for i := range each {
			before := n.fresh
			v := n.take(i)
			was, known := owner[v]
			switch {
			case n.fresh > before && known:
				t.Fatalf("caller %d: number %d is not fresh", c, v)
			case n.fresh == before && (!known || was != c):
				t.Fatalf("caller %d: number %d was not sent before", c, v)
			case n.fresh == before:
				repeated++
			}
			owner[v] = c
		}
	}
	if share := float64(repeated) / (callers * each); share < 0.045 || share > 0.055 {
		t.Errorf("%.3f are duplicates, want 0.05", share)
	}
}

func TestMedianAndPercentile(t *testing.T) {
	if m := median([]float64{9, 1, 5}); m != 5 {
		t.Errorf("median of three = %v", m)
	}
	if m := median([]float64{4, 1, 3, 2}); m != 2.5 {
		t.Errorf("median of four = %v", m)
	}
	var waits []time.Duration
	for i := range 1000 {
		waits = append(waits, time.Duration(i))
	}
	if p := percentile(waits, 0.99); p != 990 {
		t.Errorf("p99 = %v", p)
	}
	if p := percentile(nil, 0.5); p != 0 {
		t.Errorf("p50 of nothing = %v", p)
	}
}

func TestHuman(t *testing.T) {
	for _, c := range []struct {
		value float64
		unit  string
		want  string
	}{
		{1_500_000_000, "ns", "1.5 s"}, {152_300, "ns", "152 us"}, {47, "ns", "47 ns"},
		{512 << 20, "B", "512.0 MiB"}, {2_345_678, "ev/s", "2.35 Mev/s"}, {96_100, "ev/s", "96.1 kev/s"},
		{41.237, "B/event", "41.24 B/event"}, {12_345_678, "count", "12345678"},
	} {
		if got := human(c.value, c.unit); got != c.want {
			t.Errorf("human(%v, %s) = %q, want %q", c.value, c.unit, got, c.want)
		}
	}
}
