package forecast

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// bursts finds meters whose use comes in peaks, in every second period at least, and that the plan
// does not pace yet. A rate of twice the average with a burst of half a peak lets an ordinary busy
// window pass and spreads a peak over a few. Of several widths the narrowest is named: it is the
// one that hurts.
func (in *Input) bursts() (out []Recommendation) {
	for _, meter := range in.meters() {
		for _, width := range in.widths(meter) {
			r, periods := in.peakOf(meter, width)
			if 2*periods < len(in.Periods) || periods == 0 || in.paced(meter, width) {
				continue
			}
			out = append(out, r)
			break
		}
	}
	return out
}

// widths returns the widths of a meter's peaks, ascending.
func (in *Input) widths(meter string) []time.Duration {
	var out []time.Duration
	for i := range in.Periods {
		for _, p := range in.Periods[i].usage(meter).Peaks {
			out = append(out, p.Width)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// peakOf returns what to recommend for the greatest peak of a width, and in how many periods there
// was one.
func (in *Input) peakOf(meter string, width time.Duration) (r Recommendation, periods int) {
	greatest := 0.0
	for i := range in.Periods {
		p := &in.Periods[i]
		u := p.usage(meter)
		at := slices.IndexFunc(u.Peaks, func(k Peak) bool { return k.Width == width })
		windows := float64(p.End.Sub(p.Start)) / float64(width)
		if at < 0 || u.Total <= 0 || windows < 2*peakFactor {
			continue
		}
		peak, average := u.Peaks[at], u.Total/windows
		if peak.Used < peakFactor*average || peak.Used < 2 {
			continue
		}
		periods++
		if factor := peak.Used / average; factor > greatest {
			greatest = factor
			r = Recommendation{
				Kind: BurstQuota, Meter: meter, Factor: round(factor), PeakStart: peak.Start,
				Rate: math.Ceil(2 * average), RatePer: widthName(width), Burst: math.Ceil(peakFactor / 2 * average),
			}
		}
	}
	r.Periods = periods
	r.Reason = fmt.Sprintf("%s peaked at %s times its average in a%s; a rate quota of %s per %s with a burst of %s would pace that.",
		meter, amount(math.Round(greatest)), article(width), amount(r.Rate), r.RatePer, amount(r.Burst))
	return r, periods
}

// paced reports whether the tenant's plan already limits a meter by a window this narrow.
func (in *Input) paced(meter string, width time.Duration) bool {
	i := slices.IndexFunc(in.Plans, func(p Plan) bool { return p.Slug == in.Plan })
	return i >= 0 && slices.ContainsFunc(in.Plans[i].Limits, func(l Limit) bool {
		return l.Meter == meter && l.Window > 0 && l.Window <= width
	})
}

// unused finds meters that the tenant's plan includes and no period used.
func (in *Input) unused() (out []Recommendation) {
	i := slices.IndexFunc(in.Plans, func(p Plan) bool { return p.Slug == in.Plan })
	if i < 0 {
		return nil
	}
	used := in.meters()
	limits := slices.SortedStableFunc(slices.Values(in.Plans[i].Limits), func(a, b Limit) int { return cmp.Compare(a.Meter, b.Meter) })
	for n, l := range limits {
		_, found := slices.BinarySearch(used, l.Meter)
		if found || n > 0 && limits[n-1].Meter == l.Meter || l.Max == 0 {
			continue
		}
		out = append(out, Recommendation{
			Kind: UnusedFeature, Meter: l.Meter, Periods: len(in.Periods),
			Reason: fmt.Sprintf("The plan includes %s, which was not used in the last %s.", l.Meter, count(len(in.Periods), "period")),
		})
	}
	return out
}

func widthName(w time.Duration) string {
	switch w {
	case time.Minute:
		return "minute"
	case time.Hour:
		return "hour"
	case day:
		return "day"
	}
	return w.String()
}

// article is the name of a width with what "a" needs before it.
func article(w time.Duration) string {
	if w == time.Hour {
		return "n hour"
	}
	return " " + widthName(w)
}
