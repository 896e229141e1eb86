package forecast

import (
	"math"
	"slices"
	"time"
)

// Point is the usage of one bucket, [Start, Start+Step).
type Point struct {
	Start time.Time
	Value float64
}

// Query says what to forecast.
type Query struct {
	Step                        time.Duration // width of the points' buckets; default an hour
	PeriodStart, Now, PeriodEnd time.Time
	Limit                       *float64 // nil: unlimited
}

// Confidence is how far a forecast can be relied on.
type Confidence string

// The confidences. The width of the band counts relative to the middle.
const (
	None   Confidence = "none"   // not enough data: the rest of the result says only what was used
	Low    Confidence = "low"    // less than a week of data, or a band wider than half
	Medium Confidence = "medium" // a week or more, and the band is within a quarter of the middle on both sides
	High   Confidence = "high"   // two weeks or more, and within a tenth
)

// The notes of results without a forecast.
const (
	NotEnoughData = "not enough data"
	TooFar        = "the period ends too far away"
)

// Result is a forecast. All amounts are in the unit of the points. Without one (Confidence None),
// only Used, Note and a past CrossesLimitAt mean something; the rest is zero.
type Result struct {
	Used           float64      `json:"used"`                      // from the start of the period to now
	ProjectedTotal float64      `json:"projected_total"`           // of the whole period
	Band           [2]float64   `json:"band"`                      // the total lies in it about four times out of five; see TestAccuracy
	Confidence     Confidence   `json:"confidence"`                //
	Note           string       `json:"note,omitempty"`            // why there is no forecast
	DailyRate      float64      `json:"daily_rate"`                // expected a day, over the seven days from now
	CrossesLimitAt time.Time    `json:"crosses_limit_at,omitzero"` // when the total passes the limit (it may be past); zero: not in this period
	LikelyOverage  float64      `json:"likely_overage"`            // by how much the projected total passes the limit
	Series         []Projection `json:"series"`                    // from now to the end of the period
}

// Projection is one step of the future.
type Projection struct {
	Start      time.Time  `json:"start"`
	Value      float64    `json:"value"`      // expected in the step
	Cumulative float64    `json:"cumulative"` // used and expected, from the start of the period to the end of the step
	Band       [2]float64 `json:"band"`       // of Cumulative
}

const (
	pointsMin = 3 // full points without which there is no forecast

	// historyMax is how far back points are looked at: half a year says what there is to say about
	// a trend that recent weeks dominate.
	historyMax = 26 * 7 * 24 * time.Hour

	// horizonMax is how far ahead a period may end: a leap year and a month. What has no end, or ends
	// after that, is not forecast.
	horizonMax = 397 * day

	day = 24 * time.Hour

	// A series has hourly steps (or the points' own, if wider) for a rest of up to fineMax, which is
	// 1,488 hours; beyond, daily ones.
	fineMax = 62 * day
)

// Forecast projects the usage of a period to its end from the points up to now. Points may come in
// any order; several of one bucket are added up, missing ones are zero, and those that are not
// finite, lie in the future or more than half a year back are left out. The point that now lies
// in counts as used but teaches nothing.
//
// It is linear in the points but for one sort, and in the steps of the period that are left.
func Forecast(series []Point, q Query) Result {
	if q.Step <= 0 {
		q.Step = time.Hour
	}
	points := usable(series, q.Now)
	r := Result{Confidence: None, Note: NotEnoughData, Series: []Projection{}}
	for _, p := range points {
		if !p.Start.Before(q.PeriodStart) {
			r.Used += p.Value
		}
	}
	r.CrossesLimitAt = crossedAt(points, q)
	if q.PeriodEnd.Sub(q.Now) > horizonMax {
		r.Note = TooFar
		return r
	}
	m, ok := newModel(points, q)
	if !ok {
		return r
	}
	r.Note = ""
	r.DailyRate = m.expected(q.Now, q.Now.Add(7*day)) / 7
	r.ProjectedTotal, r.Band = r.Used, [2]float64{r.Used, r.Used}
	m.project(&r, q)
	r.Confidence = m.confidence(&r)
	if q.Limit != nil {
		r.LikelyOverage = max(0, r.ProjectedTotal-*q.Limit)
	}
	return r
}

// usable returns the points that count, in order.
func usable(series []Point, now time.Time) []Point {
	points := make([]Point, 0, len(series))
	for _, p := range series {
		if !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0) && p.Start.Before(now) {
			points = append(points, p)
		}
	}
	slices.SortStableFunc(points, func(a, b Point) int {
		if c := a.Start.Compare(b.Start); c != 0 {
			return c
		}
		switch { // equal starts are added up, in an order that does not depend on the input's
		case a.Value < b.Value:
			return -1
		case a.Value > b.Value:
			return 1
		}
		return 0
	})
	return points
}

// crossedAt returns when the usage so far passed the limit, zero when it did not. Within a bucket,
// use is taken to be even.
func crossedAt(points []Point, q Query) time.Time {
	total := 0.0
	for _, p := range points {
		if q.Limit == nil || p.Start.Before(q.PeriodStart) {
			continue
		}
		width := min(q.Step, q.Now.Sub(p.Start))
		if at, ok := crossing(p.Start, width, total, p.Value, *q.Limit); ok {
			return at
		}
		total += p.Value
	}
	return time.Time{}
}

// crossing returns when a total passes the limit by a value that comes evenly over a width.
func crossing(start time.Time, width time.Duration, total, value, limit float64) (time.Time, bool) {
	if total+value <= limit {
		return time.Time{}, false
	}
	part := max(0, (limit-total)/value)
	return start.Add(time.Duration(part * float64(width))).Truncate(time.Second), true
}

// project fills in what follows from now on.
func (m *model) project(r *Result, q Query) {
	rest := q.PeriodEnd.Sub(q.Now)
	step := max(q.Step, time.Hour)
	if rest > fineMax {
		step = max(step, day)
	}
	for at := q.Now; at.Before(q.PeriodEnd); {
		end := at.Truncate(step).Add(step)
		if end.After(q.PeriodEnd) {
			end = q.PeriodEnd
		}
		value := m.expected(at, end)
		if q.Limit != nil && r.CrossesLimitAt.IsZero() {
			r.CrossesLimitAt, _ = crossing(at, end.Sub(at), r.ProjectedTotal, value, *q.Limit)
		}
		r.ProjectedTotal += value
		below, above := m.spread(end.Sub(q.Now))
		r.Band = [2]float64{max(r.Used, r.ProjectedTotal-below), r.ProjectedTotal + above}
		r.Series = append(r.Series, Projection{Start: at, Value: value, Cumulative: r.ProjectedTotal, Band: r.Band})
		at = end
	}
}

// confidence judges a result by the data behind it and the width of its band.
func (m *model) confidence(r *Result) Confidence {
	wide := max(r.Band[1]-r.ProjectedTotal, r.ProjectedTotal-r.Band[0])
	known := time.Duration(len(m.values)) * m.unit
	switch {
	case known >= 14*day && wide <= 0.1*math.Abs(r.ProjectedTotal):
		return High
	case known >= 7*day && wide <= 0.25*math.Abs(r.ProjectedTotal):
		return Medium
	}
	return Low
}
