package forecast

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// fit is a line through equally spaced values, times a factor for each position in the season.
type fit struct {
	n           int
	level       float64   // of the line at the last value
	slope       float64   // a unit, as far as it is significant
	damping     float64   // how much of the slope is left after each unit
	factors     []float64 // mean 1; nil: no season
	unitsPerDay float64

	scatter    float64 // standard deviation around it, by the median: bursts do not count
	slopeError float64
	weight     float64 // number of values, as their weights make it

	// Bursts, as a compound Poisson process: what they add to a unit on average, and the variance.
	// They grow with the ordinary use, so both are shares of it.
	excess, excessVariance float64
}

const (
	// halfLifeDays is after how many days a value weighs half.
	halfLifeDays = 28

	// slopeHalfLifeDays is after how many days ahead half of the slope is left: growth does not go on
	// for ever (Gardner and McKenzie 1985). It is never longer than the time that was looked at.
	slopeHalfLifeDays = 70

	// huberK bounds the pull of a value, in standard deviations: 95 % as good as least squares on
	// normal data (Huber 1964).
	huberK = 1.345

	// burstSigmas is where scatter ends and bursts begin; burstMax, how many times the ordinary use
	// one counts at most, for series whose ordinary use is next to nothing.
	burstSigmas, burstMax = 3, 1000

	rounds       = 4   // of trend, then season; it settles in two or three
	reweightings = 12  // of one line
	factorMin    = .02 // below, a position of the season is taken as empty, and teaches nothing about the line
)

// fitTrend fits values, oldest first; season is the length of the season, or 0.
func fitTrend(values []float64, season int, unitsPerDay float64) fit {
	n := len(values)
	f := fit{n: n, unitsPerDay: unitsPerDay}
	f.damping = math.Exp2(-1 / min(slopeHalfLifeDays*unitsPerDay, float64(n)))
	recency, x, idle := make([]float64, n), make([]float64, n), 0
	for i := range x {
		x[i] = float64(i - (n - 1)) // so that the level is that of today
		recency[i] = math.Exp2(x[i] / unitsPerDay / halfLifeDays)
		if values[i] <= 0 {
			idle++
		}
	}
	if 2*idle >= n {
		f.intermittent(values, recency)
		return f
	}
	if season > 0 {
		f.factors = firstSeason(values, season)
	}
	var l line
	for round := 0; ; round++ {
		flat, weights := make([]float64, n), slices.Clone(recency)
		for i, v := range values {
			if f.factor(i) < factorMin {
				weights[i] = 0
				continue
			}
			flat[i] = v / f.factor(i)
		}
		l = robustLine(x, flat, weights)
		if season == 0 || round == rounds {
			break
		}
		f.seasonFrom(values, x, recency, l)
	}
	f.judge(values, x, l)
	return f
}

// intermittent fits values of which half or more are nothing. Their median is nothing, and a line
// through bursts means little: what is known is the mean.
func (f *fit) intermittent(values, recency []float64) {
	f.level = stat.Mean(values, recency)
	f.weight = float64(f.n)
	if f.n > 1 {
		f.scatter = stat.StdDev(values, nil)
	}
}

// factor returns the factor of the season at a value.
func (f *fit) factor(i int) float64 {
	if f.factors == nil {
		return 1
	}
	return f.factors[i%len(f.factors)]
}

// at returns the expected value of a unit at or after the last one.
func (f *fit) at(i int) float64 {
	ahead := float64(i - (f.n - 1))
	damped := f.damping * (1 - math.Pow(f.damping, ahead)) / (1 - f.damping)
	return max(0, f.level+f.slope*damped) * f.factor(i) * (1 + f.excess)
}

// lever returns what a slope of 1 adds in the next n units, damped.
func (f *fit) lever(n float64) float64 {
	limit := f.damping / (1 - f.damping) // of the sum of its powers
	return limit * (n - limit*(1-math.Pow(f.damping, n)))
}

// firstSeason returns factors that no burst has touched: of each position the lower median of its
// values over the median of the season around each. Two seasons are enough: of two values, the
// lower one counts. What that takes from all positions alike, the norm gives back.
func firstSeason(values []float64, season int) []float64 {
	ratios := make([][]float64, season)
	for i, v := range values {
		from := min(max(i-season/2, 0), len(values)-season)
		if around := median(values[from : from+season]); around > 0 {
			ratios[i%season] = append(ratios[i%season], v/around)
		}
	}
	factors := make([]float64, season)
	for s, r := range ratios {
		factors[s] = 1
		if len(r) > 0 {
			slices.Sort(r)
			factors[s] = max(0, r[(len(r)-1)/2])
		}
	}
	norm(factors)
	return factors
}

// norm makes the mean of factors 1.
func norm(factors []float64) {
	mean := stat.Mean(factors, nil)
	for s := range factors {
		if mean > 0 {
			factors[s] /= mean
		} else {
			factors[s] = 1
		}
	}
}

// seasonFrom sets the factors to what each position has of the line's sum. Values far off are cut
// to where scatter ends.
func (f *fit) seasonFrom(values, x, recency []float64, l line) {
	residuals := make([]float64, len(values))
	for i, v := range values {
		residuals[i] = v - l.at(x[i])*f.factor(i)
	}
	most := burstSigmas * sigma(residuals)
	got, want := make([]float64, len(f.factors)), make([]float64, len(f.factors))
	for i, v := range values {
		base := l.at(x[i]) * f.factor(i)
		s := i % len(f.factors)
		got[s] += recency[i] * min(max(v, base-most), base+most)
		want[s] += recency[i] * max(l.at(x[i]), 0)
	}
	for s := range f.factors {
		if want[s] > 0 {
			f.factors[s] = max(0, got[s]/want[s])
		}
	}
	norm(f.factors)
}

// judge takes over the line and measures how well it fits.
func (f *fit) judge(values, x []float64, l line) {
	residuals := make([]float64, len(values))
	for i, v := range values {
		residuals[i] = v - l.at(x[i])*f.factor(i)
	}
	f.scatter = sigma(residuals)
	f.level = l.alpha
	// When all of the last week lies off the line, it is not a burst: the level has moved.
	if week := int(7 * f.unitsPerDay); week >= 3 && len(values) > 2*week {
		if moved := median(residuals[len(values)-week:]); math.Abs(moved) > 2*f.scatter {
			f.level += moved
		}
	}
	f.weight = l.weight
	f.slopeError = l.slopeError
	// A slope within two standard errors of none counts by the square of how near it comes.
	f.slope = l.beta
	if t := math.Abs(l.beta) / (2 * l.slopeError); t < 1 {
		f.slope *= t * t
	}
	bursts, n := 0.0, float64(len(residuals))
	ordinary := make([]float64, 0, len(residuals))
	rounding := 1e-9 * math.Abs(f.level)
	for i, r := range residuals {
		if r > burstSigmas*f.scatter+rounding {
			share := burstMax + 0.
			if base := l.at(x[i]) * f.factor(i); base*burstMax > r {
				share = r / base
			}
			bursts++
			f.excess += share / n
			f.excessVariance += share * share / n
		} else {
			ordinary = append(ordinary, r)
		}
	}
	if bursts > 0 { // one may never come back; of two, the second did
		f.excess *= (bursts - 1) / bursts
	}
	if len(ordinary) > 1 { // the tails that the median does not see
		f.scatter = max(f.scatter, stat.StdDev(ordinary, nil))
	}
	// Fitted values look tighter than they are, by what each number of the fit explains away.
	fitted := 2 + float64(max(len(f.factors)-1, 0))
	f.scatter *= math.Sqrt(n / max(n-fitted, 1))
}

// line is alpha + beta x.
type line struct {
	alpha, beta float64
	slopeError  float64
	weight      float64 // (sum of weights)^2 / sum of their squares
}

func (l line) at(x float64) float64 { return l.alpha + l.beta*x }

// robustLine fits y over x with weights, and with Huber's weights on top, starting from the line
// through medians: from an ordinary fit, a burst at the end of the series would look right.
func robustLine(x, y, weights []float64) line {
	l := medianLine(x, y, weights)
	w, residuals := slices.Clone(weights), make([]float64, len(x))
	for range reweightings {
		var counted []float64
		for i := range x {
			residuals[i] = y[i] - l.at(x[i])
			if weights[i] > 0 {
				counted = append(counted, residuals[i])
			}
		}
		s := huberK * sigma(counted)
		if s == 0 { // most values lie on the line already
			break
		}
		for i, r := range residuals {
			w[i] = weights[i] * min(1, s/max(math.Abs(r), s))
		}
		l.alpha, l.beta = stat.LinearRegression(x, y, w, false)
	}
	return l.withErrors(x, y, w)
}

// medianLine is Theil's incomplete method: the slope is the median of those between values half the
// series apart, the level the median of what is left.
func medianLine(x, y, weights []float64) line {
	var slopes, levels []float64
	half := (len(x) + 1) / 2
	for i := 0; i+half < len(x); i++ {
		if j := i + half; weights[i] > 0 && weights[j] > 0 {
			slopes = append(slopes, (y[j]-y[i])/(x[j]-x[i]))
		}
	}
	l := line{beta: median(slopes)}
	for i := range x {
		if weights[i] > 0 {
			levels = append(levels, y[i]-l.beta*x[i])
		}
	}
	l.alpha = median(levels)
	return l
}

// withErrors measures the line by the weights it was fitted with.
func (l line) withErrors(x, y, w []float64) line {
	sum, squares, sxx, srr := 0.0, 0.0, 0.0, 0.0
	mean := stat.Mean(x, w)
	for i := range x {
		r := y[i] - l.at(x[i])
		sum += w[i]
		squares += w[i] * w[i]
		sxx += w[i] * (x[i] - mean) * (x[i] - mean)
		srr += w[i] * r * r
	}
	l.weight = sum * sum / squares
	if l.weight > 2 && sxx > 0 {
		l.slopeError = math.Sqrt(srr / sum * l.weight / (l.weight - 2) / (sxx / sum * l.weight))
	}
	return l
}

// sigma is a standard deviation by the median of the absolute values: half of them may be anything.
func sigma(residuals []float64) float64 {
	abs := make([]float64, len(residuals))
	for i, r := range residuals {
		abs[i] = math.Abs(r)
	}
	return 1.4826 * median(abs) // of the normal distribution
}

// median returns the middle value, or the mean of the two in the middle; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
