package forecast

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// errors are mean absolute errors, as shares of what came.
type errors struct{ day, dayAgain, weekAgain, total, totalDayAgain, totalWeekAgain, inBand float64 }

// TestAccuracy holds back the last weeks of made-up web traffic and forecasts them, day by day
// and in total, beside the naive forecasts: the last day again, and the last week again. The seeds
// are not those with which the constants of the model were chosen (0 to 39).
func TestAccuracy(t *testing.T) {
	for _, bursts := range []float64{0, 0.5} {
		for _, c := range []struct{ known, held int }{{2, 1}, {3, 1}, {4, 2}, {8, 4}, {20, 4}} {
			e := measure(t, bursts, c.known, c.held)
			t.Logf("%.1f bursts a week, %2d weeks known, %d held back: error of a day %4.1f %% (last day again %4.1f %%, last week again %4.1f %%); "+
				"of the total %4.1f %% (%4.1f %%, %4.1f %%); total in the band %2.0f %%", bursts, c.known, c.held,
				100*e.day, 100*e.dayAgain, 100*e.weekAgain, 100*e.total, 100*e.totalDayAgain, 100*e.totalWeekAgain, 100*e.inBand)
			require.Less(t, e.day, e.dayAgain/2, "half the error of repeating the last day")
			require.Less(t, e.total, e.totalDayAgain/2)
			require.Less(t, e.day, e.weekAgain)
			if c.known > 2 { // of two weeks, repeating the last one is hard to beat
				require.Less(t, e.total, e.totalWeekAgain)
			}
			require.GreaterOrEqual(t, e.inBand, 0.5)
		}
	}
}

// measure forecasts a hundred sites.
func measure(t *testing.T, bursts float64, known, held int) (e errors) {
	const sites, firstSeed = 100, 1000
	came := 0.0
	for seed := range uint64(sites) {
		g := site(firstSeed+seed, known+held)
		g.burstsPerWeek = bursts
		hours := g.points()
		past, future := hours[:known*7*24], hours[known*7*24:]
		now := past[len(past)-1].Start.Add(time.Hour)
		r := Forecast(past, Query{Step: time.Hour, PeriodStart: now, Now: now, PeriodEnd: now.Add(time.Duration(held) * 7 * day)})
		require.NotEqual(t, None, r.Confidence)
		got := make([]Point, len(r.Series))
		for i, p := range r.Series {
			got[i] = Point{p.Start, p.Value}
		}
		before, real, guess, sum := days(past), days(future), days(got), total(future)
		require.Len(t, guess, len(real))
		for d := range real {
			e.day += math.Abs(guess[d] - real[d])
			e.dayAgain += math.Abs(before[len(before)-1] - real[d])
			e.weekAgain += math.Abs(before[len(before)-7+d%7] - real[d])
		}
		came += sum
		e.total += math.Abs(r.ProjectedTotal - sum)
		e.totalDayAgain += math.Abs(before[len(before)-1]*float64(len(real)) - sum)
		e.totalWeekAgain += math.Abs(total(past[len(past)-7*24:])*float64(held) - sum)
		if sum >= r.Band[0] && sum <= r.Band[1] {
			e.inBand += 1. / sites
		}
	}
	for _, x := range []*float64{&e.day, &e.dayAgain, &e.weekAgain, &e.total, &e.totalDayAgain, &e.totalWeekAgain} {
		*x /= came
	}
	return e
}

// TestBurstDoesNotBend: one wild day at the end moves the forecast of the next weeks little.
func TestBurstDoesNotBend(t *testing.T) {
	g := site(3, 6)
	g.burstsPerWeek = 0
	calm := g.points()
	now := monday.Add(6 * 7 * day)
	q := Query{Step: time.Hour, PeriodStart: now, Now: now, PeriodEnd: now.Add(28 * day)}
	before := Forecast(calm, q)
	for _, at := range []int{len(calm) - 30, len(calm) / 2, 20} {
		burst := append([]Point{}, calm...)
		for h := range 5 {
			burst[at+h].Value *= 30
		}
		after := Forecast(burst, q)
		require.InEpsilon(t, before.ProjectedTotal, after.ProjectedTotal, 0.05, "burst at hour %d", at)
	}
	// A week at a new level is no burst.
	moved := append([]Point{}, calm...)
	for i := len(moved) - 8*24; i < len(moved); i++ {
		moved[i].Value *= 3
	}
	require.InEpsilon(t, 3*before.ProjectedTotal, Forecast(moved, q).ProjectedTotal, 0.2)
}
