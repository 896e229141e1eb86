package forecast

import (
	"math"
	"time"

	"gonum.org/v1/gonum/stat"
)

// model is what was learnt: a total for each unit of time, and how it is spread within one.
type model struct {
	start   time.Time     // of the first unit
	unit    time.Duration // a day; with less than three full days, the step of the points
	values  []float64     // totals of full units, oldest first
	fit     fit
	profile []float64 // shares of equal slots of a unit, which add up to 1; nil: even
}

// newModel learns from sorted points, and returns false when there are not enough full ones.
func newModel(points []Point, q Query) (*model, bool) {
	full := fullSteps(points, q)
	if len(full.values) < pointsMin {
		return nil, false
	}
	m := &full
	if days, ok := byDay(full); ok {
		m = days
	}
	weekly := 0
	if m.unit == day && len(m.values) >= 14 {
		weekly = 7
	}
	m.fit = fitTrend(m.values, weekly, float64(day)/float64(m.unit))
	return m, true
}

// fullSteps puts the points on the grid of their steps: from the first of them to the last step that
// is over at now. The grid starts at whole steps since the zero time, as bucket edges in UTC do,
// whatever the points' own offset.
func fullSteps(points []Point, q Query) model {
	m := model{unit: q.Step}
	oldest := q.Now.Add(-historyMax)
	for len(points) > 0 && points[0].Start.Before(oldest) {
		points = points[1:]
	}
	if len(points) == 0 {
		return m
	}
	m.start = points[0].Start.UTC().Truncate(q.Step)
	n := int(q.Now.Sub(m.start) / q.Step)
	m.values = make([]float64, max(n, 0))
	for _, p := range points {
		if i := int(p.Start.Sub(m.start) / q.Step); i < n {
			m.values[i] += p.Value
		}
	}
	return m
}

// byDay adds the steps up to full UTC days and learns the profile of a day. It returns false when the
// steps do not divide a day, or there are less than three full days.
func byDay(steps model) (*model, bool) {
	if steps.unit > day || day%steps.unit != 0 {
		return nil, false
	}
	slots := int(day / steps.unit)
	m := &model{start: steps.start.Truncate(day), unit: day}
	if m.start.Before(steps.start) {
		m.start = m.start.Add(day)
	}
	skip := int(m.start.Sub(steps.start) / steps.unit)
	if len(steps.values)-skip < pointsMin*slots {
		return nil, false
	}
	values := steps.values[skip:]
	m.values = make([]float64, len(values)/slots)
	values = values[:len(m.values)*slots]
	for i, v := range values {
		m.values[i/slots] += v
	}
	if slots > 1 {
		m.profile = profileOf(values, slots)
	}
	return m, true
}

// profileOf returns the share of each slot of a day: the median over the days, so that a burst one
// afternoon does not come back every afternoon. Use that is mostly zero has no medians; then the mean.
func profileOf(values []float64, slots int) []float64 {
	days := len(values) / slots
	profile, column := make([]float64, slots), make([]float64, days)
	center := func(center func([]float64) float64) (total float64) {
		for s := range profile {
			for d := range column {
				column[d] = values[d*slots+s]
			}
			profile[s] = max(0, center(column))
			total += profile[s]
		}
		return total
	}
	total := center(median)
	if total == 0 {
		total = center(func(x []float64) float64 { return stat.Mean(x, nil) })
	}
	if total == 0 {
		return nil
	}
	for s := range profile {
		profile[s] /= total
	}
	return profile
}

// expected returns what comes in [from, to), which begins after the last full unit.
func (m *model) expected(from, to time.Time) float64 {
	slots := max(len(m.profile), 1)
	width := m.unit / time.Duration(slots)
	total := 0.0
	for from.Before(to) {
		slot := int(from.Sub(m.start) / width)
		end := m.start.Add(time.Duration(slot+1) * width)
		if end.After(to) {
			end = to
		}
		share := 1.0
		if m.profile != nil {
			share = m.profile[slot%slots]
		}
		total += m.fit.at(slot/slots) * share * float64(end.Sub(from)) / float64(width)
		from = end
	}
	return total
}

// modelError is the standard error, as a share of what is expected, of what the model leaves out:
// growth is no straight line, no two weeks are the same. TestAccuracy measures what the band holds.
const modelError = 0.02

// bandWidth is how many standard errors the band reaches. For normal errors that would hold nine
// times out of ten; with the bursts of real traffic it is nearer to four out of five.
const bandWidth = 1.645

// spread returns how far below and above the expected total of a time from now on the real one is
// likely to lie.
//
// Five errors add up as independent ones do: each unit's own scatter, the uncertainty of the level
// (it is off in every unit the same way), that of the slope and of how it goes on, the model's own,
// and bursts. These are not symmetric: downwards, the total misses at most those that it expects.
func (m *model) spread(ahead time.Duration) (below, above float64) {
	n := float64(ahead) / float64(m.unit)
	f := &m.fit
	variance := f.scatter * f.scatter * (n + n*n/f.weight)
	lever := f.lever(n)
	slope := f.slopeError * lever
	damping := f.slope * min(n*n/2-lever, lever) // it may go on, or turn at once
	own := modelError * f.level * n
	calm := variance + slope*slope + damping*damping + own*own
	bursts := f.level * f.level * f.excessVariance * (n + n*n/float64(f.n)) // how often they come is uncertain, too
	above = bandWidth * math.Sqrt(calm+bursts)
	return min(above, bandWidth*math.Sqrt(calm)+max(0, f.level)*f.excess*n), above
}
