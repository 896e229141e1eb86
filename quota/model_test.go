package quota

import (
	"cmp"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/weirhq/weir/usage"
)

// The semantics written down once more, naively, over unbounded rationals and from the quota as an operator wrote it. Nothing
// here comes from Compile or Judge.

// modelCall is a call as the model sees it: amounts in the meter's unit.
type modelCall struct {
	used, reserved, cost *big.Rat
	overSince, end, now  int64
	latest               bool
}

func rat(d usage.Decimal) *big.Rat {
	r, ok := new(big.Rat).SetString(d.String())
	if !ok {
		panic("no number")
	}
	return r
}

func sum(a ...*big.Rat) *big.Rat {
	s := new(big.Rat)
	for _, x := range a {
		s.Add(s, x)
	}
	return s
}

// level is floor(limit x ratio) in units of 10^-scale; nil: there is none.
func modelLevel(limit *big.Rat, ratio usage.Number, scale int) *big.Rat {
	if limit == nil || !ratio.Decimal().IsSet() {
		return nil
	}
	unit := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil))
	n := new(big.Rat).Quo(new(big.Rat).Mul(limit, rat(ratio.Decimal())), unit)
	whole := new(big.Int).Quo(n.Num(), n.Denom())
	return new(big.Rat).Mul(new(big.Rat).SetInt(whole), unit)
}

// above reports a > b, b nil being without end.
func above(a, b *big.Rat) bool { return b != nil && a.Cmp(b) > 0 }

func modelJudge(q usage.Quota, scale int, c modelCall) (usage.Decision, usage.Reason, *big.Rat) {
	var limit, hard *big.Rat
	if !q.Limit.IsNull() {
		limit = rat(q.Limit.Decimal())
		if q.Mode != usage.ModeSoft && !q.Overage.Unlimited {
			hard = limit
			if q.Overage.Units.IsSet() {
				hard = sum(limit, rat(q.Overage.Units))
			}
		}
	}
	warn, slow := modelLevel(limit, q.WarnAt, scale), modelLevel(limit, q.ThrottleAt, scale)
	u := sum(c.used, c.reserved, c.cost)
	free := c.latest && c.cost.Sign() <= 0
	if above(c.cost, hard) && !free {
		return usage.DecisionBlock, usage.ReasonCostTooHigh, nil
	}
	if above(u, hard) && !free {
		return usage.DecisionBlock, usage.ReasonExceeded, nil
	}
	if above(u, limit) {
		over := c.overSince
		if over == 0 {
			over = c.now
		}
		if q.GracePeriod != nil && q.Mode != usage.ModeSoft && !free && c.now-over >= int64(*q.GracePeriod) {
			return usage.DecisionBlock, usage.ReasonGrace, nil
		}
		return usage.DecisionOverage, "", nil
	}
	if above(u, slow) {
		d := new(big.Rat)
		if c.cost.Sign() > 0 {
			left := new(big.Rat).Sub(limit, sum(c.used, c.reserved))
			d.Quo(new(big.Rat).Mul(c.cost, new(big.Rat).SetInt64(c.end-c.now)), left)
		}
		if d.Cmp(new(big.Rat).SetInt64(int64(*q.MaxDelay))) > 0 {
			return usage.DecisionBlock, usage.ReasonThrottled, d
		}
		return usage.DecisionThrottle, "", d
	}
	if above(u, warn) {
		return usage.DecisionWarn, "", nil
	}
	return usage.DecisionAllow, "", nil
}

// amounts draws units: small ones, where edges meet by chance, and ones near the ends of an int64.
func amounts(most int64) *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64Range(0, 20), rapid.Int64Range(0, 2000), rapid.Int64Range(most-20, most), rapid.Int64Range(0, most))
}

func ratios() *rapid.Generator[usage.Number] {
	return rapid.Custom(func(t *rapid.T) usage.Number {
		scale := rapid.IntRange(0, usage.RatioDecimalsMax).Draw(t, "decimals")
		return usage.Num(usage.FromUnits(rapid.Int64Range(0, int64(math.Pow10(scale))).Draw(t, "ratio"), scale))
	})
}

// anyQuota draws a quota with a month's period on a meter of some scale.
func anyQuota(t *rapid.T, scale int) usage.Quota {
	q := usage.Quota{Slug: "q", Meter: "m", Period: usage.Period{Kind: usage.PeriodMonth}, Limit: usage.Null(),
		Mode: rapid.SampledFrom([]string{"", usage.ModeEnforce, usage.ModeSoft, usage.ModeShadow}).Draw(t, "mode")}
	if rapid.IntRange(0, 9).Draw(t, "limited") > 0 {
		q.Limit = usage.Num(usage.FromUnits(amounts(unitsMax).Draw(t, "limit"), scale))
	}
	switch rapid.IntRange(0, 3).Draw(t, "overage") {
	case 0:
		q.Overage.Unlimited = true
	case 1, 2:
		q.Overage.Units = usage.FromUnits(amounts(unitsMax).Draw(t, "overage units"), scale)
	}
	if rapid.Bool().Draw(t, "grace") {
		q.GracePeriod = new(usage.Duration(rapid.Int64Range(0, 5).Draw(t, "grace period")))
	}
	q.WarnAt = rapid.OneOf(rapid.SampledFrom([]usage.Number{{}, usage.Null()}), ratios()).Draw(t, "warn")
	if rapid.Bool().Draw(t, "throttles") {
		q.ThrottleAt = ratios().Draw(t, "throttle")
		q.MaxDelay = new(usage.Duration(amounts(1<<50).Draw(t, "max delay")))
	}
	return q
}

// Goal: Compile and Judge decide as the model does, whatever the numbers. A long run: -rapid.checks=1000000.
func TestJudgeIsTheModel(t *testing.T) {
	seen := map[usage.Decision]int{}
	check := func(t *rapid.T) {
		scale := rapid.IntRange(0, usage.ScaleMax).Draw(t, "scale")
		q := anyQuota(t, scale)
		m := Meter{Slug: "m", Aggregation: usage.Sum, Scale: scale}
		low := int64(0)
		if rapid.IntRange(0, 4).Draw(t, "latest") == 0 {
			q.Period.Kind, q.ThrottleAt, m.Aggregation, low = usage.PeriodLifetime, usage.Number{}, usage.Latest, -20
		}
		require.Empty(t, q.Validate())
		p, err := Compile(q, m)
		require.NoError(t, err)

		total := amounts(math.MaxInt64)
		// Near the limit, the cap or the levels, where the edges are, or anywhere.
		if p.Limit != Unlimited && rapid.IntRange(0, 3).Draw(t, "near") > 0 {
			edge := rapid.SampledFrom([]int64{p.Limit, p.Cap, p.warnAt, p.slowAt}).Draw(t, "edge")
			total = rapid.Int64Range(max(0, min(edge, math.MaxInt64-3)-3), min(edge, math.MaxInt64-3)+3)
		}
		l := Level{Used: total.Draw(t, "used"), End: rapid.Int64Range(10, 1<<58).Draw(t, "end")}
		if rapid.Bool().Draw(t, "reserves") {
			l.Reserved = total.Draw(t, "reserved")
		}
		cost := rapid.OneOf(rapid.Int64Range(low, 3), total).Draw(t, "cost")
		if l.Used > p.Limit-min(l.Reserved, p.Limit) {
			l.OverSince = 1
		}
		now := rapid.Int64Range(1, 9).Draw(t, "now")

		full := q.WithDefaults()
		in := func(n int64) *big.Rat { return rat(usage.FromUnits(n, scale)) }
		decision, reason, delay := modelJudge(full, scale, modelCall{in(l.Used), in(l.Reserved), in(cost), l.OverSince, l.End, now, p.Latest})
		got := p.Judge(l, cost, now)
		require.Equal(t, decision, got.Decision, "%+v", got)
		require.Equal(t, reason, got.Reason)
		require.Equal(t, decision != usage.DecisionBlock, got.Allowed)
		if delay != nil {
			wait := got.DelayNanos + got.RetryNanos
			exact := new(big.Int).Quo(new(big.Int).Add(delay.Num(), new(big.Int).Sub(delay.Denom(), big.NewInt(1))), delay.Denom())
			if exact.IsInt64() {
				require.Equal(t, exact.Int64(), wait)
			} else {
				require.EqualValues(t, math.MaxInt64, wait)
			}
		}
		seen[decision]++
	}
	// A hundred checks lack a throttle once in a hundred runs: more are made until each decision is among them.
	for round := 0; round < 50 && len(seen) < 5; round++ {
		rapid.Check(t, check)
	}
	for _, d := range []usage.Decision{usage.DecisionAllow, usage.DecisionWarn, usage.DecisionThrottle, usage.DecisionOverage, usage.DecisionBlock} {
		require.Positive(t, seen[d], "no %s among %v: the generator is too narrow", d, seen)
	}
}

// Goal: tokens, waits and the moment a bucket is full are those of exact rationals, at any rate. Method: a model that keeps
// the tokens as a fraction and refills it at every step.
func TestBucketIsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &BucketRate{
			Limit: rapid.OneOf(rapid.Int64Range(1, 1000), rapid.Int64Range(1, unitsMax)).Draw(t, "limit"),
			Per:   rapid.OneOf(rapid.Int64Range(1, 1000), rapid.Int64Range(1, int64(usage.RatePerMax))).Draw(t, "per"),
		}
		r.Burst = rapid.OneOf(rapid.Int64Range(1, 1000), rapid.Just(r.Limit), rapid.Int64Range(1, unitsMax)).Draw(t, "burst")
		if r.check() != nil {
			t.Skip("takes more than ten years")
		}
		var b Bucket
		tokens, burst := new(big.Rat).SetInt64(r.Burst), new(big.Rat).SetInt64(r.Burst)
		rate := big.NewRat(r.Limit, r.Per)
		now := rapid.Int64Range(0, 1<<60).Draw(t, "start")
		for range 20 {
			step := rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(0, r.Per), rapid.Int64Range(0, 1<<55)).Draw(t, "step")
			now += step
			if tokens.Add(tokens, new(big.Rat).Mul(rate, new(big.Rat).SetInt64(step))); tokens.Cmp(burst) > 0 {
				tokens.Set(burst)
			}
			whole := new(big.Int).Quo(tokens.Num(), tokens.Denom()).Int64()
			require.Equal(t, whole, b.Tokens(r, now))
			ceil := func(x *big.Rat) int64 { // nanoseconds until x tokens more are there
				w := new(big.Rat).Quo(x, rate)
				q, m := new(big.Int).QuoRem(w.Num(), w.Denom(), new(big.Int))
				return q.Int64() + int64(m.Sign())
			}
			require.Equal(t, now+ceil(new(big.Rat).Sub(burst, tokens)), b.FullAt(r, now))

			cost := rapid.OneOf(rapid.Int64Range(0, r.Burst), rapid.Just(min(whole, r.Burst)), rapid.Just(min(whole+1, r.Burst))).Draw(t, "cost")
			missing := new(big.Rat).Sub(new(big.Rat).SetInt64(cost), tokens)
			if missing.Sign() > 0 {
				require.Equal(t, ceil(missing), b.Wait(r, cost, now))
				continue
			}
			require.Zero(t, b.Wait(r, cost, now))
			b = b.Take(r, cost, now)
			tokens.Sub(tokens, new(big.Rat).SetInt64(cost))
			require.True(t, 0 <= b.Debt && b.Debt < r.Limit)
		}
	})
}

// Thresholds and percentages are those of rationals, at any size.
func TestSharesAreTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := policyOf(t, `{"period":"month","limit":1,"warning_thresholds":[1,50,75,90,100,1000]}`)
		p.Limit = amounts(unitsMax).Draw(t, "limit")
		used := rapid.OneOf(amounts(math.MaxInt64), rapid.Int64Range(max(0, p.Limit-3), p.Limit+3)).Draw(t, "used")
		want := uint32(0)
		for i, threshold := range p.Quota.WarningThresholds {
			share := new(big.Int).Mul(big.NewInt(used), big.NewInt(100))
			if p.Limit > 0 && share.Cmp(new(big.Int).Mul(big.NewInt(p.Limit), big.NewInt(int64(threshold)))) >= 0 {
				want |= 1 << i
			}
		}
		require.Equal(t, want, p.Crossed(used, 0))
		fired := uint32(rapid.IntRange(0, 63).Draw(t, "fired"))
		require.Equal(t, want&^fired, p.Crossed(used, fired))

		if p.Limit > 0 {
			exact := new(big.Int).Quo(new(big.Int).Mul(big.NewInt(used), big.NewInt(10_000)), big.NewInt(p.Limit))
			if !exact.IsInt64() {
				exact.SetInt64(math.MaxInt64)
			}
			require.Equal(t, usage.FromUnits(exact.Int64(), 2), percentage(used, p.Limit))
		}
	})
}

// The quota that binds is the first of a strict order: worse decision, less remaining of its limit, lower slug.
func TestBindsIsTheModel(t *testing.T) {
	decisions := []usage.Decision{usage.DecisionAllow, usage.DecisionWarn, usage.DecisionThrottle, usage.DecisionOverage, usage.DecisionBlock}
	standing := rapid.Custom(func(t *rapid.T) Standing {
		s := Standing{Decision: rapid.SampledFrom(decisions).Draw(t, "decision"), Slug: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "slug"),
			Limit: rapid.OneOf(rapid.Just(int64(Unlimited)), amounts(unitsMax)).Draw(t, "limit")}
		if s.Remaining = Unlimited; s.Limit != Unlimited {
			s.Remaining = rapid.Int64Range(0, s.Limit).Draw(t, "remaining")
		}
		return s
	})
	ratio := func(s Standing) *big.Rat {
		switch s.Limit {
		case Unlimited:
			return big.NewRat(2, 1) // more than everything
		case 0:
			return new(big.Rat)
		}
		return big.NewRat(s.Remaining, s.Limit)
	}
	rank := map[usage.Decision]int{}
	for i, d := range decisions {
		rank[d] = i
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := standing.Draw(t, "a"), standing.Draw(t, "b")
		order := cmp.Or(cmp.Compare(rank[b.Decision], rank[a.Decision]), ratio(a).Cmp(ratio(b)), cmp.Compare(a.Slug, b.Slug))
		require.Equal(t, order < 0, a.Binds(b))
		require.Equal(t, order > 0, b.Binds(a))
		require.Equal(t, cmp.Compare(rank[a.Decision], rank[b.Decision]), Severer(a.Decision, b.Decision))
	})
}

// A million tokens a day, and other rates whose debt does not fit 64 bits, are exact over many calls.
func TestBucketAtAwkwardRates(t *testing.T) {
	for _, r := range []*BucketRate{
		{Limit: 999_983, Per: 86_400e9, Burst: 999_983},
		{Limit: 10_000_019_000, Per: 60e9, Burst: 10_000_019_000},
		{Limit: 7, Per: int64(31 * 24 * time.Hour), Burst: 70},
	} {
		require.NoError(t, r.check())
		var b Bucket
		now, taken := int64(1_700_000_000e9), r.Burst
		b = b.Take(r, r.Burst, now)
		start := now
		for i := range int64(500) { // of the slowest, 24 years
			cost := i%min(r.Burst, 7) + 1
			now += b.Wait(r, cost, now)
			b = b.Take(r, cost, now)
			taken += cost
		}
		// All that came in was taken, but for less than one nanosecond's worth of it at each call, which stays.
		came := new(big.Rat).Mul(big.NewRat(r.Limit, r.Per), new(big.Rat).SetInt64(now-start))
		left := came.Add(came, new(big.Rat).SetInt64(r.Burst-taken))
		require.True(t, left.Sign() >= 0 && left.Cmp(big.NewRat(r.Limit, r.Per)) < 0, "%s tokens are left", left.FloatString(6))
	}
}
