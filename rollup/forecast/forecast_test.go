package forecast

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var april = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)

// hourly makes points from a start to a now.
func hourly(start, now time.Time, value func(h int) float64) (out []Point) {
	for h := 0; ; h++ {
		at := start.Add(time.Duration(h) * time.Hour)
		if !at.Before(now) {
			return out
		}
		out = append(out, Point{at, value(h)})
	}
}

// summary is a result a person can read: the ends of its series.
type summary struct {
	Result
	Steps int          `json:"steps"`
	First []Projection `json:"first"`
	Last  []Projection `json:"last"`
}

func summarize(r Result) summary {
	n := len(r.Series)
	s := summary{Result: r, Steps: n, First: r.Series[:min(2, n)], Last: r.Series[n-min(1, n):]}
	s.Series = nil
	return s
}

func TestForecastGolden(t *testing.T) {
	limit := func(l float64) *float64 { return &l }
	now := april.Add(18*day + 10*time.Hour)
	noise := rand.New(rand.NewPCG(5, 5))
	for _, c := range []struct {
		name   string
		points []Point
		q      Query
	}{
		{"flat", hourly(april, now, func(int) float64 { return 100 }), Query{Limit: limit(60_000)}},
		{"linear", hourly(april, now, func(h int) float64 { return 10 + float64(h)/10 }), Query{Limit: limit(30_000)}},
		{"weekly", site(2, 7).points()[:now.Sub(monday)/time.Hour], Query{Limit: limit(5_000_000)}},
		{"bursty", hourly(april.Add(-14*day), now, func(h int) float64 {
			v := 100 + 10*noise.NormFloat64()
			if h%200 < 3 {
				v *= 40
			}
			return v
		}), Query{}},
		{"over-already", hourly(april, now, func(int) float64 { return 100 }), Query{Limit: limit(12_345)}},
		{"too-short", hourly(now.Add(-2*time.Hour), now, func(int) float64 { return 5 }), Query{Limit: limit(7)}},
		{"three-points", hourly(now.Add(-3*time.Hour), now, func(h int) float64 { return 5 + float64(h) }), Query{}},
		{"days", []Point{{april.Add(14 * day), 40}, {april.Add(15 * day), 44}, {april.Add(17 * day), 41}, {april.Add(18 * day), 20}}, Query{Step: day, Limit: limit(1000)}},
		{"once-a-week", hourly(april.Add(-28*day), now, func(h int) float64 {
			if h%168 == 30 {
				return 500
			}
			return 0
		}), Query{}},
		{"flat-with-bursts", hourly(april.Add(-14*day), now, func(h int) float64 {
			if h%190 == 30 {
				return 5000
			}
			return 100
		}), Query{}},
		{"nothing", nil, Query{Limit: limit(7)}},
		{"only-zeros", hourly(april, now, func(int) float64 { return 0 }), Query{Limit: limit(7)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.q.PeriodStart, c.q.Now, c.q.PeriodEnd = april, now, april.AddDate(0, 1, 0)
			golden(t, "forecast-"+c.name, summarize(Forecast(c.points, c.q)))
		})
	}
}

// TestForecastProperties: whatever the points, the result is finite and hangs together, the order
// of the points does not matter, and scaling them scales it.
func TestForecastProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.SampledFrom([]time.Duration{15 * time.Minute, time.Hour, 7 * time.Hour, day, 7 * day}).Draw(t, "step")
		now := april.Add(rapid.SampledFrom([]time.Duration{0, 61 * time.Minute, 9*day + 1, 30 * day}).Draw(t, "now"))
		start := april.Truncate(step)
		var points []Point
		for range rapid.IntRange(0, 60).Draw(t, "points") {
			at := start.Add(time.Duration(rapid.IntRange(-200, 40).Draw(t, "at")) * step)
			points = append(points, Point{at, rapid.OneOf(rapid.Float64Range(-5, 1000), rapid.SampledFrom([]float64{0, 0, 1e9, math.NaN(), math.Inf(1)})).Draw(t, "value")})
		}
		limit := rapid.Float64Range(0, 5000).Draw(t, "limit")
		q := Query{Step: step, PeriodStart: april, Now: now, PeriodEnd: april.AddDate(0, 1, 0), Limit: &limit}
		r := Forecast(points, q)
		for name, v := range map[string]float64{"used": r.Used, "total": r.ProjectedTotal, "low": r.Band[0], "high": r.Band[1], "rate": r.DailyRate, "overage": r.LikelyOverage} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%s is %v", name, v)
			}
		}
		if r.Confidence == None {
			require.Equal(t, NotEnoughData, r.Note)
			require.Empty(t, r.Series)
			return
		}
		require.LessOrEqual(t, r.Used, r.ProjectedTotal)
		require.LessOrEqual(t, r.Band[0], r.ProjectedTotal)
		require.LessOrEqual(t, r.ProjectedTotal, r.Band[1])
		at, sum := now, r.Used
		for _, p := range r.Series {
			require.True(t, p.Start.Equal(at) || p.Start.After(at))
			require.GreaterOrEqual(t, p.Value, 0.0)
			sum += p.Value
			require.InDelta(t, sum, p.Cumulative, 1e-6*max(1, math.Abs(sum)))
			at = p.Start
		}
		if r.ProjectedTotal > limit {
			require.False(t, r.CrossesLimitAt.IsZero())
			require.InDelta(t, r.ProjectedTotal-limit, r.LikelyOverage, 1e-6*r.ProjectedTotal)
		}
		shuffled := rapid.Permutation(points).Draw(t, "order")
		require.Equal(t, r, Forecast(shuffled, q))
		for i := range points {
			points[i].Value *= 4 // exact in binary
		}
		limit *= 4
		require.InDelta(t, 4*r.ProjectedTotal, Forecast(points, q).ProjectedTotal, 1e-6*max(1, 4*math.Abs(r.ProjectedTotal)))
	})
}

// TestForecastSeesTheWeek: weekends are forecast as weekends.
func TestForecastSeesTheWeek(t *testing.T) {
	now := monday.Add(28 * day)
	weekend := func(at time.Time) bool { return at.Weekday() == time.Saturday || at.Weekday() == time.Sunday }
	points := hourly(monday, now, func(h int) float64 {
		if weekend(monday.Add(time.Duration(h) * time.Hour)) {
			return 10
		}
		return 100
	})
	r := Forecast(points, Query{PeriodStart: monday, Now: now, PeriodEnd: now.Add(14 * day)})
	require.Equal(t, High, r.Confidence)
	for _, p := range r.Series {
		want := 100.0
		if weekend(p.Start) {
			want = 10
		}
		require.InEpsilon(t, want, p.Value, 0.02, p.Start)
	}
	require.InEpsilon(t, (5*2400+2*240)/7.0, r.DailyRate, 0.02)
}

func TestForecastTooFar(t *testing.T) {
	points := hourly(april, april.Add(10*day), func(int) float64 { return 1 })
	r := Forecast(points, Query{PeriodStart: april, Now: april.Add(10 * day), PeriodEnd: april.AddDate(2, 0, 0)})
	require.Equal(t, TooFar, r.Note)
	require.Equal(t, 240.0, r.Used)
}

// BenchmarkForecast is 90 days by the hour and two weeks to go.
func BenchmarkForecast(b *testing.B) {
	now := april.Add(90 * day)
	points := site(1, 13).points()
	for i := range points {
		points[i].Start = april.Add(time.Duration(i) * time.Hour)
	}
	q := Query{Step: time.Hour, PeriodStart: april.Add(76 * day), Now: now, PeriodEnd: now.Add(14 * day)}
	b.ReportAllocs()
	for range b.N {
		Forecast(points, q)
	}
}
