package quota

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/weirhq/weir/internal/civil"
	"github.com/weirhq/weir/usage"
)

// A bucket admits over any span at most burst + rate x span, and a steady caller at its rate always.
func TestBucketNeverOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &BucketRate{
			Limit: rapid.Int64Range(1, 1000).Draw(t, "limit"), Per: rapid.Int64Range(1, 1_000_000).Draw(t, "per"),
			Burst: rapid.Int64Range(1, 1000).Draw(t, "burst"),
		}
		type admission struct{ at, cost int64 }
		var admitted []admission
		var b Bucket
		now := int64(1_000_000)
		for range 200 {
			now += rapid.Int64Range(0, 2*r.Per).Draw(t, "step")
			cost := rapid.Int64Range(0, r.Burst).Draw(t, "cost")
			wait := b.Wait(r, cost, now)
			require.Equal(t, wait == 0, cost <= b.Tokens(r, now))
			if wait > 0 {
				require.Positive(t, b.Wait(r, cost, now+wait-1))
				require.Zero(t, b.Wait(r, cost, now+wait), "not there when it was promised")
				continue
			}
			b = b.Take(r, cost, now)
			admitted = append(admitted, admission{now, cost})
		}
		for i := range admitted {
			sum := int64(0)
			for _, a := range admitted[i:] {
				sum += a.cost
				span := a.at - admitted[i].at
				require.LessOrEqual(t, sum, r.Burst+(span*r.Limit)/r.Per)
			}
		}
	})
	r := &BucketRate{Limit: 3, Per: 1_000_000_000, Burst: 1}
	var b Bucket
	for i := range int64(10_000) { // one token each third of a second, rounded up to whole nanoseconds
		now := i * ((r.Per + r.Limit - 1) / r.Limit)
		require.Zero(t, b.Wait(r, 1, now), "call %d", i)
		b = b.Take(r, 1, now)
	}
}

func TestBucketRebase(t *testing.T) {
	from, to := &BucketRate{10, 1000, 20}, &BucketRate{5, 1000, 8}
	b := Bucket{}.Take(from, 5, 0) // 15 of 20 left
	require.EqualValues(t, 3, b.Rebase(from, to, 0).Tokens(to, 0))
	b = b.Take(from, 10, 0) // 5 of 20: 15 spent, more than the new burst
	require.EqualValues(t, 0, b.Rebase(from, to, 0).Tokens(to, 0))
	require.EqualValues(t, 8, Bucket{}.Rebase(from, to, 7).Tokens(to, 7))
}

// slidingRun admits arrivals under a limit and returns how much, and how much an exact log would have.
func slidingRun(t require.TestingT, length, limit int64, arrivals []int64) (got, exact int64) {
	type admission struct{ at, cost int64 }
	var s Sliding
	var log, ideal []admission
	sum := func(log []admission, now int64) (n int64) {
		for _, a := range log {
			if a.at+length > now {
				n += a.cost
			}
		}
		return n
	}
	for _, now := range arrivals {
		used := s.Used(length, now)
		require.GreaterOrEqual(t, used, sum(log, now), "the window holds less than what was admitted")
		if used+1 <= limit {
			s.Add(length, 1, now)
			log = append(log, admission{now, 1})
			got++
			require.LessOrEqual(t, sum(log, now), limit, "never over")
		} else if free := s.FreeAt(length, used+1-limit, now); used > 0 {
			require.LessOrEqual(t, s.Used(length, free)+1, limit, "not free when it was promised")
		}
		if sum(ideal, now)+1 <= limit {
			ideal = append(ideal, admission{now, 1})
			exact++
		}
		require.LessOrEqual(t, len(s.old), oldMax)
		data := s.AppendTo(nil)
		again, err := DecodeSliding(data)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, again.AppendTo(nil)))
	}
	return got, exact
}

func TestSliding(t *testing.T) {
	const length = 60_000
	rng := rand.New(rand.NewPCG(3, 4))
	patterns := map[string]func(i int64) (step int64){
		"random, twice the limit": func(int64) int64 { return rng.Int64N(600) },
		"random, far above":       func(int64) int64 { return rng.Int64N(60) },
		"steady":                  func(int64) int64 { return 300 },
		"bursts": func(i int64) int64 {
			if i%200 == 0 {
				return length
			}
			return 0
		},
		"idle between": func(i int64) int64 {
			if i%77 == 0 {
				return length / 3
			}
			return rng.Int64N(100)
		},
	}
	for name, step := range patterns {
		arrivals, now := []int64{}, int64(1)
		for i := range int64(4000) {
			now += step(i)
			arrivals = append(arrivals, now)
		}
		got, exact := slidingRun(t, length, 200, arrivals)
		t.Logf("%s: %d admitted, an exact log %d", name, got, exact)
		require.GreaterOrEqual(t, got*100, exact*95, name)
	}
	// One a minute, called once a minute: all.
	var arrivals []int64
	for i := range int64(1000) {
		arrivals = append(arrivals, 1+i*length)
	}
	got, _ := slidingRun(t, length, 1, arrivals)
	require.EqualValues(t, 1000, got)
}

func TestSlidingNeverOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length, limit := rapid.Int64Range(1, 5000).Draw(t, "length"), rapid.Int64Range(1, 150).Draw(t, "limit")
		arrivals, now := []int64{}, int64(1)
		for range 400 {
			now += rapid.Int64Range(0, 40).Draw(t, "step")
			arrivals = append(arrivals, now)
		}
		slidingRun(t, length, limit, arrivals)
	})
}

func TestSlidingRemove(t *testing.T) {
	var s Sliding
	for i := range int64(100) {
		s.Add(1000, 2, i)
	}
	s.Remove(1000, 150, 100)
	require.EqualValues(t, 50, s.Used(1000, 100))
	s.Remove(1000, 1000, 100)
	require.Zero(t, s.Used(1000, 100))
}

func FuzzDecodeSliding(f *testing.F) {
	var s Sliding
	for i := range int64(100) {
		s.Add(1000, 2, i)
	}
	f.Add(s.AppendTo(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := DecodeSliding(data)
		if err != nil {
			return
		}
		if !bytes.Equal(s.AppendTo(nil), data) {
			t.Fatalf("other bytes for the same window: %x", s.AppendTo(nil))
		}
		if used := s.Used(1000, 5); used < 0 || s.FreeAt(1000, 1, 5) < 5 {
			t.Fatal(used, s.FreeAt(1000, 1, 5))
		}
		s.Add(1000, 1, 1<<50)
		s.Add(1000, -1, 1<<50)
	})
}

func TestPeriodOf(t *testing.T) {
	berlin, err := civil.NewTable("Europe/Berlin")
	require.NoError(t, err)
	p := policyOf(t, `{"period":"month","limit":1}`)
	s, e := p.PeriodOf(berlin, 1_767_225_600) // 2026-01-01 00:00 UTC is 01:00 in Berlin
	require.Equal(t, []int64{1_767_222_000, 1_769_900_400}, []int64{s, e})
	s, e = policyOf(t, `{"period":"lifetime","limit":1}`).PeriodOf(berlin, 5)
	require.Equal(t, []int64{0, 0}, []int64{s, e})
	require.True(t, p.FromBuckets())
	require.False(t, policyOf(t, `{"period":"month","limit":1,"scope":"user"}`).FromBuckets())
	require.Equal(t, "sliding:1h", policyOf(t, `{"period":{"sliding":"60m"},"limit":1}`).PeriodKey)
	require.Equal(t, usage.PeriodRate, policyOf(t, `{"rate":{"limit":1,"per":"1s"}}`).PeriodKey)
}
