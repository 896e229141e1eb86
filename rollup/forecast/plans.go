package forecast

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/weirhq/weir/usage"
)

// Plan is a plan as the simulation sees it.
type Plan struct {
	Slug   string
	Limits []Limit
	Price  *float64 // of a period; nil: unknown. When all plans have one, the cheapest that fits is the best
}

// Limit is one quota of a plan.
type Limit struct {
	Quota, Meter string
	Window       time.Duration // 0: the billing period; else a minute, hour or day within it
	Max          float64       // limit, +Inf when unlimited
	Overage      float64       // how much more is let through; +Inf when all is
}

// LimitsOf returns the limits of a plan that a simulation can hold against past usage: those of
// tenants, enforced, by the billing period or by a minute, hour or day. A rate of n per second says
// nothing about totals, and other periods do not line up with the billing period.
func LimitsOf(p usage.Plan) []Limit {
	p = p.WithDefaults()
	windows := map[string]time.Duration{
		usage.PeriodMinute: time.Minute, usage.PeriodHour: time.Hour, usage.PeriodDay: day,
		usage.PeriodBilling: 0, p.BillingPeriod: 0,
	}
	var out []Limit
	for _, q := range p.Quotas {
		q = q.WithDefaults()
		window, known := windows[q.Period.Kind]
		if !known || q.Rate != nil || q.Scope != usage.ScopeTenant || q.Mode == usage.ModeShadow {
			continue
		}
		l := Limit{Quota: q.Slug, Meter: q.Meter, Window: window, Max: math.Inf(1)}
		if !q.Limit.IsNull() {
			l.Max = float(q.Limit.Decimal())
		}
		switch {
		case q.Mode == usage.ModeSoft || q.Overage.Unlimited:
			l.Overage = math.Inf(1)
		case q.Overage.Units.IsSet():
			l.Overage = float(q.Overage.Units)
		}
		out = append(out, l)
	}
	return out
}

func float(d usage.Decimal) float64 {
	coef, scale := d.Parts()
	return float64(coef) / math.Pow10(int(scale))
}

// trial is how a plan would have done in the past periods.
type trial struct {
	plan   *Plan
	over   int     // periods in which a limit was passed
	fill   float64 // greatest share of a limit that was used
	worst  Limit   // where
	used   float64 // there
	denied float64 // units beyond what is let through at all
}

// try holds the usage of the past periods against a plan.
func (in *Input) try(p *Plan) trial {
	t := trial{plan: p}
	for i := range in.Periods {
		over := false
		for _, l := range p.Limits {
			used, known := l.usedIn(&in.Periods[i])
			if !known {
				continue
			}
			if fill := l.fill(used); fill > t.fill {
				t.fill, t.worst, t.used = fill, l, used
			}
			over = over || used > l.Max
			t.denied += max(0, used-l.Max-l.Overage)
		}
		if over {
			t.over++
		}
	}
	return t
}

// usedIn returns what a limit is held against: the total, or the busiest window; false when that
// is not known.
func (l *Limit) usedIn(p *Period) (float64, bool) {
	u := p.usage(l.Meter)
	if l.Window == 0 {
		return u.Total, true
	}
	for _, peak := range u.Peaks {
		if peak.Width == l.Window {
			return peak.Used, true
		}
	}
	return 0, u.Total == 0
}

// fill returns the share of the limit that is used.
func (l *Limit) fill(used float64) float64 {
	switch {
	case used <= 0 || math.IsInf(l.Max, 1):
		return 0
	case l.Max == 0:
		return math.MaxFloat64
	}
	return used / l.Max
}

// plans recommends another plan, or nothing.
//
// Up, when a past period does not fit the tenant's plan and another one fits them all: the best
// of those. Down, when all fit, and a better plan that allows no more of anything would have been
// filled by roomForDown at most in all of them. The best plan is the cheapest, when all prices are
// known; else the fullest, which is the smallest that fits.
func (in *Input) plans() []Recommendation {
	i := slices.IndexFunc(in.Plans, func(p Plan) bool { return p.Slug == in.Plan })
	if i < 0 {
		return nil
	}
	current := in.try(&in.Plans[i])
	priced := !slices.ContainsFunc(in.Plans, func(p Plan) bool { return p.Price == nil })
	var fits []trial
	for j := range in.Plans {
		t := in.try(&in.Plans[j])
		if j == i || t.over > 0 {
			continue
		}
		if current.over > 0 || t.fill <= roomForDown && t.smaller(&current, priced) {
			fits = append(fits, t)
		}
	}
	if len(fits) == 0 {
		return nil
	}
	best := slices.MinFunc(fits, func(a, b trial) int {
		byPrice := 0
		if priced {
			byPrice = cmp.Compare(*a.plan.Price, *b.plan.Price)
		}
		return cmp.Or(byPrice, cmp.Compare(b.fill, a.fill), cmp.Compare(a.plan.Slug, b.plan.Slug))
	})
	r := Recommendation{Plan: best.plan.Slug, Fill: round(best.fill)}
	n := len(in.Periods)
	if current.over == 0 {
		r.Kind, r.Periods = PlanDown, n
		r.Reason = fmt.Sprintf("The last %s fit plan %s, at most %s of any of its limits used.",
			count(n, "period"), r.Plan, percent(best.fill))
		return []Recommendation{r}
	}
	r.Kind, r.Periods, r.Meter = PlanUp, current.over, current.worst.Meter
	when := "the last period"
	if n > 1 {
		when = fmt.Sprintf("%d of the last %d periods", current.over, n)
	}
	r.Reason = fmt.Sprintf("%s of %s passed the limit %s of quota %s in %s; plan %s would have held.",
		amount(current.used), current.worst.Meter, amount(current.worst.Max), current.worst.Quota, when, r.Plan)
	if current.denied > 0 {
		r.Reason += fmt.Sprintf(" %s units came after the plan's caps.", amount(current.denied))
	}
	return []Recommendation{r}
}

// smaller reports whether moving from another plan to this one saves something: money when prices
// are known, else it must allow no more of any meter, and less of one.
func (t *trial) smaller(than *trial, priced bool) bool {
	if priced {
		return *t.plan.Price < *than.plan.Price
	}
	less := false
	for _, l := range than.plan.Limits {
		mine := t.plan.most(l.Meter, l.Window)
		if mine > l.Max {
			return false
		}
		less = less || mine < l.Max
	}
	return less
}

// most returns the least of the plan's limits on a meter for a window; without one, it is unlimited.
func (p *Plan) most(meter string, window time.Duration) float64 {
	least := math.Inf(1)
	for _, l := range p.Limits {
		if l.Meter == meter && l.Window == window {
			least = min(least, l.Max)
		}
	}
	return least
}
