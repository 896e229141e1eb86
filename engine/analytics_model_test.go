package engine

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/weirhq/weir/internal/civil"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
)

// The reference for every query: a list of what was counted, gone through from the beginning for every number.

// fact is one event, or an adjustment of one meter.
type fact struct {
	tenant, id       string
	user, model, job string // values of dimensions; "": none
	value            int64
	at               time.Time
	add              bool
	feature          string
	meter            string // of an adjustment: the only meter that it is of
}

// dimension returns the value of a dimension; nil: none.
func (f *fact) dimension(property string) *string {
	v := map[string]string{"metadata.model": f.model, "metadata.job": f.job, "user_id": f.user}[property]
	if v == "" {
		return nil
	}
	return &v
}

// facts is the model.
type facts struct{ all []fact }

// of returns the facts of a meter that the filters of a query let through, by tenant and group.
func (m *facts) of(def usage.Meter, q *usage.Query) map[string]map[string][]fact {
	out := map[string]map[string][]fact{}
	for _, f := range m.all {
		if f.feature != def.EventType || q.TenantID != "" && f.tenant != q.TenantID || f.meter != "" && f.meter != def.Slug {
			continue
		}
		if def.Aggregation == usage.UniqueCount && f.user == "" {
			continue
		}
		wanted := true
		for property, values := range q.Filter {
			v := f.dimension(property)
			wanted = wanted && slices.ContainsFunc(values, func(want string) bool { return v == nil && want == "" || v != nil && *v == want })
		}
		if !wanted {
			continue
		}
		var group []*string
		for _, property := range q.GroupBy {
			group = append(group, f.dimension(property))
		}
		if out[f.tenant] == nil {
			out[f.tenant] = map[string][]fact{}
		}
		out[f.tenant][groupText(group)] = append(out[f.tenant][groupText(group)], f)
	}
	return out
}

// groupText writes a group so that texts sort as groups do.
func groupText(names []*string) string {
	var b strings.Builder
	for _, n := range names {
		if n == nil {
			b.WriteString("0;")
		} else {
			b.WriteString("1" + *n + ";")
		}
	}
	return b.String()
}

// rows answers a query: "window start|group" and the value, in order; now is when levels end.
func (m *facts) rows(def usage.Meter, q *usage.Query, windows []civil.Window, now time.Time) []string {
	byTenant := m.of(def, q)
	groups := map[string]bool{}
	if len(q.GroupBy) == 0 {
		groups[""] = true
	}
	for _, tenant := range byTenant {
		for group, list := range tenant {
			if len(q.GroupBy) == 0 || touches(def, list, windows, now) {
				groups[group] = true
			}
		}
	}
	var names []string
	for g := range groups {
		names = append(names, g)
	}
	slices.Sort(names)
	var out []string
	for _, w := range windows {
		for _, group := range names {
			some := false
			var parts [][]fact
			for _, tenant := range byTenant {
				list := tenant[group]
				some = some || speaks(def, list, w, now)
				parts = append(parts, list)
			}
			if !some && !q.FillZero && (q.Window != usage.WindowTotal || len(q.GroupBy) > 0) {
				continue
			}
			out = append(out, fmt.Sprintf("%s|%s|%s", w.Start.UTC().Format(time.RFC3339), group, say(def, parts, w, now)))
		}
	}
	return out
}

// touches tells whether a group is there at all in the windows.
func touches(def usage.Meter, list []fact, windows []civil.Window, now time.Time) bool {
	return slices.ContainsFunc(windows, func(w civil.Window) bool { return speaks(def, list, w, now) })
}

// speaks tells whether there is something to say of a window.
func speaks(def usage.Meter, list []fact, w civil.Window, now time.Time) bool {
	in := within(list, w)
	events, units := 0, int64(0)
	for i := range in {
		if in[i].meter == "" {
			events++
		}
		units += in[i].value
	}
	switch def.Aggregation {
	case usage.Sum:
		return events > 0 || units != 0
	case usage.Count:
		return countOf(in) != 0
	case usage.WeightedSum:
		return events > 0 || integral(list, w, now).Sign() != 0 || levelAt(list, earlierOf(w.End, now)) != 0
	}
	return events > 0
}

func within(list []fact, w civil.Window) []fact {
	return slices.DeleteFunc(slices.Clone(list), func(f fact) bool { return f.at.Before(w.Start) || !f.at.Before(w.End) })
}

func countOf(list []fact) (n int64) {
	for i := range list {
		if list[i].meter != "" {
			n += list[i].value
		} else {
			n++
		}
	}
	return n
}

// say is the value of a window over tenants, as text.
func say(def usage.Meter, tenants [][]fact, w civil.Window, now time.Time) string {
	var all []fact // of the window, over all tenants
	some := false
	units, nanos := int64(0), new(big.Int)
	for _, list := range tenants {
		in := within(list, w)
		all = append(all, in...)
		switch def.Aggregation {
		case usage.UniqueCount:
			users := map[string]bool{}
			for i := range in {
				users[in[i].user] = true
			}
			units += int64(len(users))
		case usage.Latest:
			if len(in) > 0 {
				some = true
				units += levelAt(list, w.End)
			}
		case usage.WeightedSum:
			nanos.Add(nanos, integral(list, w, now))
		}
	}
	var values []int64
	sum := int64(0)
	for i := range all {
		values = append(values, all[i].value)
		sum += all[i].value
	}
	slices.Sort(values)
	switch def.Aggregation {
	case usage.Sum:
		return fmt.Sprint(sum)
	case usage.Count:
		return fmt.Sprint(countOf(all))
	case usage.UniqueCount:
		return fmt.Sprint(units)
	case usage.WeightedSum:
		return ratio(nanos, 3_600_000_000_000)
	}
	if len(all) == 0 || def.Aggregation == usage.Latest && !some {
		return "null"
	}
	switch def.Aggregation {
	case usage.Min:
		return fmt.Sprint(values[0])
	case usage.Max:
		return fmt.Sprint(values[len(values)-1])
	case usage.Avg:
		return ratio(big.NewInt(sum), int64(len(all)))
	case usage.Latest:
		return fmt.Sprint(units)
	}
	num := map[usage.Aggregation]int{usage.P50: 50, usage.P90: 90, usage.P99: 99}[def.Aggregation]
	return fmt.Sprint("rank ", values[(len(values)*num+99)/100-1])
}

// inOrder sorts facts as levels are set by them.
func inOrder(list []fact) []fact {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b fact) int { return cmp.Or(a.at.Compare(b.at), strings.Compare(a.id, b.id)) })
	return list
}

// levelAt is the level of a group just before a time.
func levelAt(list []fact, t time.Time) (level int64) {
	for _, f := range inOrder(list) {
		if !f.at.Before(t) {
			break
		}
		if f.add {
			level += f.value
		} else {
			level = f.value
		}
	}
	return level
}

// integral is that of the level over a window, up to now, in units times nanoseconds.
func integral(list []fact, w civil.Window, now time.Time) *big.Int {
	sum, level := new(big.Int), int64(0)
	end := earlierOf(w.End, now)
	since := w.Start
	hold := func(until time.Time) {
		if until = earlierOf(until, end); until.After(since) {
			sum.Add(sum, new(big.Int).Mul(big.NewInt(level), big.NewInt(int64(until.Sub(since)))))
			since = until
		}
	}
	for _, f := range inOrder(list) {
		hold(f.at)
		if f.add {
			level += f.value
		} else {
			level = f.value
		}
	}
	hold(end)
	return sum
}

// ratio is num/den with 6 decimals, rounded half to even.
func ratio(num *big.Int, den int64) string {
	scaled := new(big.Int).Mul(num, big.NewInt(1_000_000))
	q, r := new(big.Int).DivMod(scaled, big.NewInt(den), new(big.Int)) // r >= 0
	if twice := new(big.Int).Lsh(r, 1).Cmp(big.NewInt(den)); twice > 0 || twice == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	return usage.FromUnits(q.Int64(), 6).String()
}

// spoken writes the rows of an answer as the model does. A percentile is shown as the exact value when it is near enough.
func spoken(rows []usage.Row, q *usage.Query, want []string) []string {
	var out []string
	for i, r := range rows {
		var group []*string
		for _, property := range q.GroupBy {
			group = append(group, r.Group[property])
		}
		value := "null"
		if r.Value.IsSet() {
			value = r.Value.String()
		}
		if i < len(want) {
			if _, rank, ok := strings.Cut(want[i], "|rank "); ok {
				var exact int64
				fmt.Sscan(rank, &exact)
				if got, err := r.Value.Units(0); err == nil && max(got-exact, exact-got) <= exact/rollup.PercentileErrorDen+1 {
					value = "rank " + rank
				}
			}
		}
		out = append(out, fmt.Sprintf("%s|%s|%s", r.WindowStart.Format(time.RFC3339), groupText(group), value))
	}
	return out
}
