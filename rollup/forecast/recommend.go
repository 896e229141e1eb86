package forecast

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Kind is what a recommendation is about.
type Kind string

// The kinds, in the order in which recommendations come.
const (
	PlanUp        Kind = "plan_up"        // the usage of past periods does not fit the plan, but another
	PlanDown      Kind = "plan_down"      // it fits a smaller plan with room to spare
	BurstQuota    Kind = "burst_quota"    // use comes in peaks that a rate quota would pace
	CostDriver    Kind = "cost_driver"    // one value of a dimension makes much of the usage
	UnusedFeature Kind = "unused_feature" // the plan includes a meter that nobody used
)

var kindOrder = []Kind{PlanUp, PlanDown, BurstQuota, CostDriver, UnusedFeature}

// Input is what Recommend looks at. Order does not matter anywhere in it.
type Input struct {
	Plan    string   // slug of the tenant's plan
	Plans   []Plan   // all plans on offer, the tenant's among them
	Periods []Period // past billing periods that are over; the newest three count
}

// Period is the usage of one billing period of a tenant.
type Period struct {
	Start, End time.Time
	Usage      []Usage // by meter; a meter that is not there was not used
}

// Usage is the usage of one meter in a period, in the meter's unit.
type Usage struct {
	Meter string
	Total float64
	Peaks []Peak  // the busiest window of each width, as far as known
	Parts []Share // by the values of dimensions, as far as known
}

// Peak is the busiest window of one width in a period.
type Peak struct {
	Width time.Duration // a minute, an hour, a day
	Start time.Time
	Used  float64
}

// Share is what one value of a dimension used.
type Share struct {
	Dimension, Value string
	Used             float64
}

// Recommendation is one thing to do. Only the fields of its kind are set.
type Recommendation struct {
	Kind   Kind   `json:"kind"`
	Reason string `json:"reason"` // one sentence for the tenant
	Meter  string `json:"meter,omitempty"`

	Plan      string    `json:"plan,omitempty"`       // plan_up, plan_down: the plan to move to
	Periods   int       `json:"periods,omitempty"`    // plan_up: the periods that did not fit; else those looked at
	Fill      float64   `json:"fill,omitempty"`       // plan_up, plan_down: greatest share of a limit of that plan that would have been used
	Dimension string    `json:"dimension,omitempty"`  // cost_driver
	Value     string    `json:"value,omitempty"`      // cost_driver
	Share     float64   `json:"share,omitempty"`      // cost_driver: of the meter's total
	Factor    float64   `json:"factor,omitempty"`     // burst_quota: the greatest peak over the average
	PeakStart time.Time `json:"peak_start,omitzero"`  // burst_quota: the greatest peak
	Rate      float64   `json:"rate,omitempty"`       // burst_quota: units for each RatePer
	RatePer   string    `json:"rate_per,omitempty"`   // burst_quota
	Burst     float64   `json:"rate_burst,omitempty"` // burst_quota: at once
}

const (
	// periodsMax is how many past periods count: what a tenant did a year ago is no reason to change
	// the plan today.
	periodsMax = 3

	// roomForDown is how full a smaller plan may be before nobody should be sent there.
	roomForDown = 0.8

	// driverShare is from when on one value of a dimension is worth naming, driversMax how many are.
	driverShare, driversMax = 0.25, 3

	// peakFactor is how many times the average a window must use to be a peak. An office that works 8
	// hours on 5 days of the week is at 4.2 times its average in every hour.
	peakFactor = 10
)

// Recommend says what could be better, in the order of the kinds, the weightier first. It is nil
// without past periods.
func Recommend(in Input) []Recommendation {
	in = in.sorted()
	if len(in.Periods) == 0 {
		return nil
	}
	out := in.plans()
	out = append(out, in.bursts()...)
	out = append(out, in.drivers()...)
	out = append(out, in.unused()...)
	slices.SortStableFunc(out, func(a, b Recommendation) int {
		return cmp.Or(
			cmp.Compare(slices.Index(kindOrder, a.Kind), slices.Index(kindOrder, b.Kind)),
			cmp.Compare(b.Share, a.Share), cmp.Compare(b.Factor, a.Factor), cmp.Compare(a.Meter, b.Meter),
			cmp.Compare(a.Dimension, b.Dimension), cmp.Compare(a.Value, b.Value))
	})
	return out
}

// sorted returns a copy in which periods ascend, only the newest are left, and each has one usage
// for each meter, in order.
func (in Input) sorted() Input {
	in.Plans = slices.SortedStableFunc(slices.Values(in.Plans), func(a, b Plan) int { return cmp.Compare(a.Slug, b.Slug) })
	in.Periods = slices.SortedStableFunc(slices.Values(in.Periods), func(a, b Period) int { return a.Start.Compare(b.Start) })
	in.Periods = in.Periods[max(0, len(in.Periods)-periodsMax):]
	for i, p := range in.Periods {
		in.Periods[i].Usage = slices.SortedStableFunc(slices.Values(p.Usage), func(a, b Usage) int { return cmp.Compare(a.Meter, b.Meter) })
	}
	return in
}

// usage returns the usage of a meter; zero when it was not used.
func (p *Period) usage(meter string) Usage {
	i, found := slices.BinarySearchFunc(p.Usage, meter, func(u Usage, m string) int { return cmp.Compare(u.Meter, m) })
	if !found {
		return Usage{Meter: meter}
	}
	return p.Usage[i]
}

// meters returns the meters that were used in any period, in order.
func (in *Input) meters() []string {
	var out []string
	for i := range in.Periods {
		for _, u := range in.Periods[i].Usage {
			if u.Total > 0 {
				out = append(out, u.Meter)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// drivers finds what makes most of each meter's usage.
func (in *Input) drivers() (out []Recommendation) {
	for _, meter := range in.meters() {
		total, parts := 0.0, []Share{}
		for i := range in.Periods {
			u := in.Periods[i].usage(meter)
			total += u.Total
			parts = append(parts, u.Parts...)
		}
		var found []Recommendation
		for _, s := range addShares(parts) {
			if share := s.Used / total; share >= driverShare {
				found = append(found, Recommendation{
					Kind: CostDriver, Meter: meter, Dimension: s.Dimension, Value: s.Value, Share: round(share), Periods: len(in.Periods),
					Reason: fmt.Sprintf("%s %q makes %s of %s over the last %s.",
						s.Dimension, s.Value, percent(share), meter, count(len(in.Periods), "period")),
				})
			}
		}
		slices.SortStableFunc(found, func(a, b Recommendation) int { return cmp.Compare(b.Share, a.Share) })
		out = append(out, found[:min(len(found), driversMax)]...)
	}
	return out
}

// addShares adds up what each value of each dimension used, in order of both. A dimension with one
// value alone says nothing and is left out.
func addShares(parts []Share) []Share {
	slices.SortStableFunc(parts, func(a, b Share) int {
		return cmp.Or(cmp.Compare(a.Dimension, b.Dimension), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Used, b.Used))
	})
	var sums []Share
	for _, p := range parts {
		if n := len(sums); n > 0 && sums[n-1].Dimension == p.Dimension && sums[n-1].Value == p.Value {
			sums[n-1].Used += p.Used
		} else {
			sums = append(sums, p)
		}
	}
	values := map[string]int{}
	for _, s := range sums {
		values[s.Dimension]++
	}
	return slices.DeleteFunc(sums, func(s Share) bool { return values[s.Dimension] < 2 })
}

// round keeps four decimals: shares are for people.
func round(x float64) float64 { return math.Round(x*1e4) / 1e4 }

func percent(x float64) string { return strconv.FormatFloat(math.Round(x*100), 'f', -1, 64) + " %" }

func amount(x float64) string { return strconv.FormatFloat(math.Round(x*1e3)/1e3, 'f', -1, 64) }

func count(n int, what string) string {
	if n == 1 {
		return what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
