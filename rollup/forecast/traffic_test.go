package forecast

import (
	"math"
	"math/rand/v2"
	"time"
)

// traffic generates hourly requests as a web server's log shows them: a working day's curve, quiet
// weekends, slow growth, noise that grows with the level, and now and then an hour or two of a
// crawler or an attack at many times the ordinary rate.
type traffic struct {
	start         time.Time
	weeks         int
	level         float64 // requests an hour at noon of the first Monday
	growthWeekly  float64 // share
	weekend       float64 // factor
	noise         float64 // share
	burstsPerWeek float64
	burst         float64 // factor
	seed          uint64
}

func (g traffic) points() []Point {
	r := rand.New(rand.NewPCG(g.seed, 17))
	out := make([]Point, 0, g.weeks*7*24)
	left := 0
	for h := range g.weeks * 7 * 24 {
		at := g.start.Add(time.Duration(h) * time.Hour)
		curve := 0.35 + 0.65*math.Exp(-math.Pow(float64(at.Hour())-14, 2)/30)
		v := g.level * curve * math.Pow(1+g.growthWeekly, float64(h)/(7*24))
		if at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
			v *= g.weekend
		}
		v *= math.Exp(g.noise*r.NormFloat64() - g.noise*g.noise/2)
		if left == 0 && r.Float64() < g.burstsPerWeek/(7*24) {
			left = 1 + r.IntN(3)
		}
		if left > 0 {
			left--
			v *= g.burst
		}
		out = append(out, Point{at, math.Round(v)})
	}
	return out
}

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func site(seed uint64, weeks int) traffic {
	return traffic{
		start: monday, weeks: weeks, level: 4000 * (1 + float64(seed%5)), growthWeekly: 0.005 * float64(seed%7),
		weekend: 0.35 + 0.1*float64(seed%4), noise: 0.15, burstsPerWeek: 0.5, burst: 12, seed: seed,
	}
}

func total(points []Point) (sum float64) {
	for _, p := range points {
		sum += p.Value
	}
	return sum
}

// days adds hours up to days.
func days(hours []Point) []float64 {
	out := make([]float64, len(hours)/24)
	for i := range out {
		out[i] = total(hours[24*i : 24*(i+1)])
	}
	return out
}
