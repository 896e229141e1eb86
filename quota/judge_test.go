package quota

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// policyOf compiles the JSON of a quota on a sum meter of scale 0.
func policyOf(t require.TestingT, text string) *Policy {
	q := usage.Quota{Slug: "q", Meter: "m"}
	require.NoError(t, json.Unmarshal([]byte(text), &q))
	require.Empty(t, q.Validate())
	p, err := Compile(q, Meter{Slug: "m", Aggregation: usage.Sum})
	require.NoError(t, err)
	return p
}

const second = int64(time.Second)

// Plainly never says yes where Judge would say anything but allow.
func TestPlainly(t *testing.T) {
	for _, text := range []string{`{"period":"month","limit":100}`, `{"period":"month","limit":100,"warn_at":null}`, `{"period":"month","limit":null}`,
		`{"period":"month","limit":100,"throttle_at":0.3}`, `{"period":"month","limit":0}`, `{"period":"month","limit":100,"overage":"unlimited","warn_at":null}`} {
		p, said := policyOf(t, text), 0
		for used := range int64(120) {
			for cost := range int64(120) {
				if p.Plainly(used, used%7, cost) {
					said++
					require.Equal(t, usage.DecisionAllow, p.Judge(Level{Used: used, Reserved: used % 7, End: 1000}, cost, 1).Decision, "%s: %d + %d", text, used, cost)
				}
			}
		}
		require.Positive(t, said, text)
	}
}

// TestJudge is the decision table, row by row and edge by edge.
func TestJudge(t *testing.T) {
	const monthly = `{"period":"month","limit":100,"warn_at":0.8`
	cases := []struct {
		name, quota    string
		used, reserved int64
		overSince      int64
		cost           int64
		want           Verdict
	}{
		{"below", monthly + `}`, 0, 0, 0, 1, Verdict{Decision: usage.DecisionAllow, Allowed: true}},
		{"exactly W", monthly + `}`, 79, 0, 0, 1, Verdict{Decision: usage.DecisionAllow, Allowed: true}},
		{"first beyond W", monthly + `}`, 80, 0, 0, 1, Verdict{Decision: usage.DecisionWarn, Allowed: true}},
		{"exactly L", monthly + `}`, 99, 0, 0, 1, Verdict{Decision: usage.DecisionWarn, Allowed: true}},
		{"beyond H", monthly + `}`, 100, 0, 0, 1, Verdict{Decision: usage.DecisionBlock, Reason: usage.ReasonExceeded, RetryNanos: 900 * second}},
		{"reserved counts", monthly + `}`, 50, 50, 0, 1, Verdict{Decision: usage.DecisionBlock, Reason: usage.ReasonExceeded, RetryNanos: 900 * second}},
		{"cost > H", monthly + `}`, 0, 0, 0, 101, Verdict{Decision: usage.DecisionBlock, Reason: usage.ReasonCostTooHigh}},
		{"cost = H", monthly + `}`, 0, 0, 0, 100, Verdict{Decision: usage.DecisionWarn, Allowed: true}},
		{"cost 0 at the limit", monthly + `}`, 100, 0, 0, 0, Verdict{Decision: usage.DecisionWarn, Allowed: true}},
		{"cost 0 above, limit lowered below used", monthly + `}`, 150, 0, 0, 0, Verdict{Decision: usage.DecisionBlock, Reason: usage.ReasonExceeded, RetryNanos: 900 * second}},
		{"limit 0", `{"period":"month","limit":0}`, 0, 0, 0, 1, Verdict{Decision: usage.DecisionBlock, Reason: usage.ReasonCostTooHigh}},
		{"limit 0, cost 0", `{"period":"month","limit":0}`, 0, 0, 0, 0, Verdict{Decision: usage.DecisionAllow, Allowed: true}},
		{"unlimited", `{"period":"month","limit":null}`, 1 << 60, 0, 0, 1 << 60, Verdict{Decision: usage.DecisionAllow, Allowed: true}},
		{"overage", monthly + `,"overage":20}`, 100, 0, 0, 1, Verdict{Decision: usage.DecisionOverage, Allowed: true}},
		{"exactly H", monthly + `,"overage":20}`, 119, 0, 0, 1, Verdict{Decision: usage.DecisionOverage, Allowed: true}},
		{"beyond H with overage", monthly + `,"overage":20}`, 120, 0, 0, 1, Verdict{Decision: usage.DecisionBlock, Reason: usage.ReasonExceeded, RetryNanos: 900 * second}},
		{"unlimited overage", monthly + `,"overage":"unlimited"}`, 1 << 59, 0, 0, 1 << 58, Verdict{Decision: usage.DecisionOverage, Allowed: true}},
		{"soft", monthly + `,"mode":"soft"}`, 100, 0, 0, 500, Verdict{Decision: usage.DecisionOverage, Allowed: true}},
		{"grace begins", monthly + `,"overage":20,"grace_period":"10s"}`, 100, 0, 0, 1, Verdict{Decision: usage.DecisionOverage, Allowed: true}},
		{"in grace", monthly + `,"overage":20,"grace_period":"10s"}`, 101, 0, 100*second - 10*second + 1, 1, Verdict{Decision: usage.DecisionOverage, Allowed: true}},
		{"grace over", monthly + `,"overage":20,"grace_period":"10s"}`, 101, 0, 90 * second, 1, Verdict{Decision: usage.DecisionBlock, Reason: usage.ReasonGrace, RetryNanos: 900 * second}},
		{"grace 0", monthly + `,"overage":20,"grace_period":"0s"}`, 100, 0, 0, 1, Verdict{Decision: usage.DecisionBlock, Reason: usage.ReasonGrace, RetryNanos: 900 * second}},
		{"exactly T", monthly + `,"throttle_at":0.9}`, 89, 0, 0, 1, Verdict{Decision: usage.DecisionWarn, Allowed: true}},
		// 1 unit of the 10 that are left, 900 s to go: 90 s, more than the second that is allowed.
		{"throttled away", monthly + `,"throttle_at":0.9}`, 90, 0, 0, 1, Verdict{Decision: usage.DecisionBlock, Reason: usage.ReasonThrottled, RetryNanos: 90 * second}},
		{"throttled", monthly + `,"throttle_at":0.9,"max_delay":"90s"}`, 90, 0, 0, 1, Verdict{Decision: usage.DecisionThrottle, Allowed: true, DelayNanos: 90 * second}},
		{"throttle counts reserved", monthly + `,"throttle_at":0.9,"max_delay":"5m"}`, 90, 5, 0, 1, Verdict{Decision: usage.DecisionThrottle, Allowed: true, DelayNanos: 180 * second}},
		{"throttle, cost 0", monthly + `,"throttle_at":0.5}`, 90, 0, 0, 0, Verdict{Decision: usage.DecisionThrottle, Allowed: true}},
		{"W rounds down", `{"period":"month","limit":9,"warn_at":0.5}`, 4, 0, 0, 0, Verdict{Decision: usage.DecisionAllow, Allowed: true}},
		{"W rounds down, beyond", `{"period":"month","limit":9,"warn_at":0.5}`, 4, 0, 0, 1, Verdict{Decision: usage.DecisionWarn, Allowed: true}},
		{"no warning", `{"period":"month","limit":100,"warn_at":null}`, 99, 0, 0, 1, Verdict{Decision: usage.DecisionAllow, Allowed: true}},
	}
	for _, c := range cases {
		l := Level{Used: c.used, Reserved: c.reserved, OverSince: c.overSince, End: 1000 * second}
		require.Equal(t, c.want, policyOf(t, c.quota).Judge(l, c.cost, 100*second), c.name)
	}
}

func TestJudgeRate(t *testing.T) {
	p := policyOf(t, `{"rate":{"limit":10,"per":"1s","burst":20}}`)
	var b Bucket
	judge := func(cost, now int64) Verdict { return p.Judge(Level{Bucket: b}, cost, now) }
	require.Equal(t, Verdict{Decision: usage.DecisionBlock, Reason: usage.ReasonCostTooHigh}, judge(21, second))
	require.True(t, judge(20, second).Allowed)
	b = b.Take(p.Rate, 20, second)
	require.EqualValues(t, 0, b.Tokens(p.Rate, second))
	require.Equal(t, Verdict{Decision: usage.DecisionBlock, Reason: usage.ReasonThrottled, RetryNanos: second / 10}, judge(1, second))
	require.True(t, judge(1, second+second/10).Allowed)
	require.False(t, judge(1, second+second/10-1).Allowed)
	require.Equal(t, 3*second, b.FullAt(p.Rate, second))
}

func TestJudgeLatest(t *testing.T) {
	q := usage.Quota{Slug: "seats", Meter: "seats", Period: usage.Period{Kind: usage.PeriodLifetime}, Limit: usage.Num(usage.Int(5))}
	p, err := Compile(q, Meter{Slug: "seats", Aggregation: usage.Latest})
	require.NoError(t, err)
	require.False(t, p.Judge(Level{Used: 5}, 1, 0).Allowed)
	require.True(t, p.Judge(Level{Used: 9}, -1, 0).Allowed, "a call that lowers the value is always allowed")
	require.True(t, p.Judge(Level{Used: 9}, 0, 0).Allowed)
	q.Period.Kind = usage.PeriodMonth
	_, err = Compile(q, Meter{Slug: "seats", Aggregation: usage.Latest})
	require.Equal(t, "/period", err.(*usage.Error).Pointer)
}

func TestBinds(t *testing.T) {
	order := []Standing{ // each binds rather than those after it
		{usage.DecisionBlock, 5, 10, "z"}, {usage.DecisionOverage, 0, 10, "a"}, {usage.DecisionThrottle, 9, 10, "a"},
		{usage.DecisionWarn, 0, 0, "a"}, {usage.DecisionWarn, 1, 10, "a"}, {usage.DecisionWarn, 1 << 58, 1 << 60, "a"},
		{usage.DecisionWarn, 3, 10, "a"}, {usage.DecisionWarn, 6, 20, "b"}, {usage.DecisionWarn, Unlimited, Unlimited, "a"},
		{usage.DecisionAllow, 0, 10, "a"},
	}
	for i, a := range order {
		for j, b := range order {
			require.Equal(t, i < j, i != j && a.Binds(b), "%v and %v", a, b)
		}
	}
}

func TestCrossed(t *testing.T) {
	p := policyOf(t, `{"period":"month","limit":10,"warning_thresholds":[50,75,90,100,150]}`)
	require.EqualValues(t, 0, p.Crossed(4, 0))
	require.EqualValues(t, 0b1, p.Crossed(5, 0))
	require.EqualValues(t, 0b11, p.Crossed(8, 0)) // 75 % of 10 is 7.5
	require.EqualValues(t, 0b1110, p.Crossed(10, 0b1))
	require.EqualValues(t, 0b11111, p.Crossed(1<<60, 0))
	require.Zero(t, policyOf(t, `{"period":"month","limit":0}`).Crossed(5, 0))
	require.Zero(t, policyOf(t, `{"period":"month","limit":null}`).Crossed(5, 0))
}

func TestStatus(t *testing.T) {
	p := policyOf(t, `{"period":"month","limit":1000}`)
	st := p.Status(Level{Used: 812, End: 1e18}, Verdict{Decision: usage.DecisionWarn, Allowed: true}, 7, 0)
	require.Equal(t, []string{"812", "188", "81.2", "0"}, []string{st.Used.String(), st.Remaining.String(), st.Percentage.String(), st.OverageUsed.String()})
	st = p.Status(Level{Used: 1500, Reserved: 1}, Verdict{}, 0, 0)
	require.Equal(t, []string{"0", "150", "500"}, []string{st.Remaining.String(), st.Percentage.String(), st.OverageUsed.String()})
	require.True(t, st.Exceeded)
	st = policyOf(t, `{"period":"month","limit":3}`).Status(Level{Used: 1}, Verdict{}, 0, 0)
	require.Equal(t, "33.33", st.Percentage.String())
	st = policyOf(t, `{"period":"month","limit":null}`).Status(Level{Used: 1}, Verdict{}, 0, 0)
	require.False(t, st.Limit.IsSet() || st.Remaining.IsSet() || st.Percentage.IsSet())
	st = policyOf(t, `{"period":"month","limit":0}`).Status(Level{}, Verdict{}, 0, 0)
	require.Equal(t, "100", st.Percentage.String())
}

func TestCompileRefuses(t *testing.T) {
	for text, pointer := range map[string]string{
		`{"period":"month","limit":1.5}`:                               "/limit",
		`{"period":"month","limit":1,"overage":0.5}`:                   "/overage",
		`{"period":"month","limit":9000000000000000000}`:               "/limit",
		`{"period":"month","limit":1,"overage":9000000000000000000}`:   "/overage",
		`{"rate":{"limit":0.5,"per":"1s"}}`:                            "/rate/limit",
		`{"rate":{"limit":1,"per":"1s","burst":1.5}}`:                  "/rate/burst",
		`{"rate":{"limit":1,"per":"31d","burst":1000000000000000000}}`: "/rate/burst",
		`{"rate":{"limit":1,"per":"31d","burst":118}}`:                 "/rate/burst", // 3,658 days to fill
	} {
		q := usage.Quota{Slug: "q", Meter: "m"}
		require.NoError(t, json.Unmarshal([]byte(text), &q))
		_, err := Compile(q, Meter{Slug: "m", Aggregation: usage.Sum})
		require.Error(t, err, text)
		require.Equal(t, pointer, err.(*usage.Error).Pointer, text)
	}
	for _, a := range []usage.Aggregation{usage.Min, usage.Avg, usage.P90, usage.WeightedSum} {
		_, err := Compile(usage.Quota{Slug: "q", Meter: "m", Period: usage.Period{Kind: "month"}, Limit: usage.Null()}, Meter{Aggregation: a})
		require.Equal(t, "/meter", err.(*usage.Error).Pointer)
	}
}

func BenchmarkJudge(b *testing.B) {
	p := policyOf(b, `{"period":"month","limit":100000000,"throttle_at":0.9,"overage":20,"grace_period":"10s"}`)
	b.ReportAllocs()
	for i := range b.N {
		if !p.Judge(Level{Used: int64(i) & 0xffff, End: 1 << 60}, 1, 1<<59).Allowed {
			b.Fatal()
		}
	}
}

// A limit is held against what is used, so that lowering it takes effect at once, and raising it gives room.
func TestJudgeAfterTheLimitChanges(t *testing.T) {
	l := Level{Used: 60, End: 1000 * second}
	require.False(t, policyOf(t, `{"period":"month","limit":50}`).Judge(l, 1, 0).Allowed)
	require.Equal(t, usage.DecisionAllow, policyOf(t, `{"period":"month","limit":100}`).Judge(l, 1, 0).Decision)
	require.EqualValues(t, 0, policyOf(t, `{"period":"month","limit":50}`).Remaining(l))
	require.EqualValues(t, 40, policyOf(t, `{"period":"month","limit":100}`).Remaining(l))
	require.EqualValues(t, Unlimited, policyOf(t, `{"period":"month","limit":null}`).Remaining(l))
}

// A period that begins with the first use begins with the call: a delay spreads over the whole of it.
func TestJudgeFirstUse(t *testing.T) {
	p := policyOf(t, `{"period":{"first_use":"100s"},"limit":100,"throttle_at":0,"max_delay":"10s"}`)
	require.Equal(t, Verdict{Decision: usage.DecisionThrottle, Allowed: true, DelayNanos: 5 * second}, p.Judge(Level{}, 5, 7))
	require.Equal(t, Verdict{Decision: usage.DecisionThrottle, Allowed: true, DelayNanos: second / 2}, p.Judge(Level{End: 10 * second}, 5, 0))
	require.Equal(t, Verdict{Decision: usage.DecisionBlock, Reason: usage.ReasonCostTooHigh}, p.Judge(Level{}, 101, 7))
}

// A blocked call of a sliding window is told when it fits, and then it does.
func TestJudgeSlidingRetry(t *testing.T) {
	p := policyOf(t, `{"period":{"sliding":"100s"},"limit":10}`)
	var s Sliding
	for i := range int64(10) {
		s.Add(p.Length, 1, i*second)
	}
	level := func(now int64) Level { return Level{Used: s.Used(p.Length, now), Window: &s} }
	now := 50 * second
	v := p.Judge(level(now), 3, now) // the third admission leaves at 102 s
	require.Equal(t, Verdict{Decision: usage.DecisionBlock, Reason: usage.ReasonExceeded, RetryNanos: 52 * second}, v)
	require.False(t, p.Judge(level(now+v.RetryNanos-1), 3, now+v.RetryNanos-1).Allowed)
	require.True(t, p.Judge(level(now+v.RetryNanos), 3, now+v.RetryNanos).Allowed)
	require.Equal(t, Verdict{Decision: usage.DecisionBlock, Reason: usage.ReasonExceeded}, p.Judge(Level{Used: 10}, 1, now), "nothing is known of the window")
}

func TestStatusOfKinds(t *testing.T) {
	blocked := Verdict{Decision: usage.DecisionBlock, Reason: usage.ReasonExceeded, RetryNanos: 1_500_001}
	st := policyOf(t, `{"period":"month","limit":10,"mode":"shadow"}`).Status(Level{Used: 10, End: second}, blocked, 1, 0)
	require.Equal(t, usage.DecisionAllow, st.Decision, "a shadow quota never changes an answer")
	require.Equal(t, usage.DecisionBlock, *st.Would)
	require.Nil(t, st.RetryAfterMS)
	require.Empty(t, st.Reason)

	st = policyOf(t, `{"period":"month","limit":10}`).Status(Level{Used: 10, End: 2 * second}, blocked, second, 0)
	require.Nil(t, st.Would)
	require.EqualValues(t, 2, *st.RetryAfterMS, "1.500001 ms, rounded up")
	require.Equal(t, []int64{1, 2}, []int64{st.PeriodStart.Unix(), st.ResetAt.Unix()})
	require.False(t, st.Exceeded, "exactly at the limit")
	require.Equal(t, "100", st.Percentage.String())

	p := policyOf(t, `{"rate":{"limit":10,"per":"1s","burst":20}}`)
	b := Bucket{}.Take(p.Rate, 15, second)
	st = p.Status(Level{Bucket: b}, Verdict{Decision: usage.DecisionAllow, Allowed: true}, 0, second+second/20)
	require.Equal(t, "rate", st.Period)
	require.Equal(t, []string{"20", "15", "5", "75"}, []string{st.Limit.String(), st.Used.String(), st.Remaining.String(), st.Percentage.String()}, "5.5 tokens are 5")
	require.Equal(t, int64(2500), st.ResetAt.UnixMilli())
	require.Nil(t, st.PeriodStart)

	st = policyOf(t, `{"period":"lifetime","limit":10}`).Status(Level{Used: 5}, Verdict{}, 0, 0)
	require.Nil(t, st.PeriodStart)
	require.Nil(t, st.ResetAt)
}

func TestJudgeDoesNotAllocate(t *testing.T) {
	month := policyOf(t, `{"period":"month","limit":100,"throttle_at":0.5,"max_delay":"1d","overage":20,"grace_period":"10s"}`)
	rate := policyOf(t, `{"rate":{"limit":10,"per":"1s","burst":20}}`)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for used := range int64(130) {
			month.Judge(Level{Used: used, End: 1 << 50}, 1, 5)
		}
		rate.Judge(Level{Bucket: Bucket{}.Take(rate.Rate, 20, 5)}, 1, 5)
	}))
}

func BenchmarkJudgeRate(b *testing.B) {
	p := policyOf(b, `{"rate":{"limit":999983,"per":"1d"}}`)
	l := Level{Bucket: Bucket{}.Take(p.Rate, 1000, 1<<59)}
	b.ReportAllocs()
	for i := range b.N {
		if !p.Judge(l, 1, 1<<59+int64(i)).Allowed {
			b.Fatal()
		}
	}
}
