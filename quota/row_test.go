package quota

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
)

// The row that is named is the one by which Judge decided: its decision and reason are the row's.
func TestRowIsThatOfJudge(t *testing.T) {
	want := map[string]Verdict{
		"1": {Decision: usage.DecisionBlock, Reason: usage.ReasonCostTooHigh}, "2": {Decision: usage.DecisionBlock, Reason: usage.ReasonExceeded},
		"3": {Decision: usage.DecisionBlock, Reason: usage.ReasonGrace}, "4": {Decision: usage.DecisionBlock, Reason: usage.ReasonThrottled},
		"5": {Decision: usage.DecisionOverage}, "6": {Decision: usage.DecisionThrottle}, "6b": {Decision: usage.DecisionBlock, Reason: usage.ReasonThrottled},
		"7": {Decision: usage.DecisionWarn}, "8": {Decision: usage.DecisionAllow},
	}
	seen := map[string]bool{}
	now := int64(1e18)
	check := func(p *Policy, l Level, cost int64) {
		v, row := p.Judge(l, cost, now), p.Row(l, cost, now)
		require.Equal(t, []any{want[row].Decision, want[row].Reason}, []any{v.Decision, v.Reason}, "row %s, cost %d of %+v", row, cost, l)
		require.NotEmpty(t, RowText(row))
		seen[row] = true
	}
	for variant := range 32 {
		q := usage.Quota{Slug: "q", Meter: "m", Period: usage.Period{Kind: usage.PeriodMonth}, Limit: usage.Num(usage.Int(10))}
		agg := usage.Sum
		if variant&1 != 0 {
			q.Overage.Units = usage.Int(5)
		}
		if variant&2 != 0 {
			q.GracePeriod = new(usage.Duration(time.Hour))
		}
		if variant&4 != 0 {
			q.ThrottleAt = usage.Num(usage.FromUnits(5, 1))
		}
		if variant&8 != 0 {
			q.Limit = usage.Num(usage.Int(0))
		}
		if variant&16 != 0 {
			agg, q.Period, q.ThrottleAt = usage.Latest, usage.Period{Kind: usage.PeriodLifetime}, usage.Number{}
		}
		p, err := Compile(q, Meter{Slug: "m", Aggregation: agg})
		require.NoError(t, err)
		for used := range int64(20) {
			for cost := range int64(20) {
				for _, rest := range []int64{1, 1e9, 1e15} {
					check(p, Level{Used: used, Reserved: used / 7, OverSince: now - used%3*int64(time.Hour), End: now + rest}, cost)
				}
			}
			if p.Latest {
				check(p, Level{Used: used}, -3)
			}
		}
	}
	p, err := Compile(usage.Quota{Slug: "q", Meter: "m", Rate: &usage.Rate{Limit: usage.Int(3), Per: usage.Duration(time.Minute), Burst: usage.Int(9)}},
		Meter{Slug: "m", Aggregation: usage.Sum})
	require.NoError(t, err)
	for spent := range int64(10) {
		for cost := range int64(12) {
			check(p, Level{Bucket: Bucket{}.Take(p.Rate, spent, now)}, cost)
		}
	}
	require.Len(t, seen, len(want), "every row was met: %v", seen)
}
