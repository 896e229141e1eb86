package rollup

import (
	"cmp"
	"errors"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
	"pgregory.net/rapid"
)

// naiveIntegral walks over all events in order, with big integers.
func naiveIntegral(pts []Point, from, until int64) (integral *big.Int, level, count int64) {
	all := slices.DeleteFunc(slices.Clone(pts), func(p Point) bool { return p.TimeNanos >= until })
	slices.SortFunc(all, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.TimeNanos, b.TimeNanos), strings.Compare(a.Source, b.Source), strings.Compare(a.ID, b.ID))
	})
	integral = new(big.Int)
	at := int64(math.MinInt64)
	hold := func(to int64) {
		if width := new(big.Int).Sub(big.NewInt(to), big.NewInt(max(at, from))); width.Sign() > 0 {
			integral.Add(integral, width.Mul(width, big.NewInt(level)))
		}
		at = to
	}
	for _, p := range all {
		hold(p.TimeNanos)
		if p.Add {
			level += p.Value
		} else {
			level = p.Value
		}
		if p.TimeNanos >= from {
			count++
		}
	}
	hold(max(until, from))
	return integral, level, count
}

func (x Int128) big() *big.Int {
	b := new(big.Int).Lsh(big.NewInt(x.Hi), 64)
	return b.Add(b, new(big.Int).SetUint64(x.Lo))
}

// TestWeightedModel: the integral over any spans, up to any time, whatever is stored, pending or
// replaced, is that of all events walked in order.
func TestWeightedModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := KindWeighted
		pts := drawPoints(t, k, rapid.SampledFrom([]int64{3, 3000, 90_000}).Draw(t, "minutes"))
		s, deltas := split(t, k, pts)
		base := int64(0)
		if len(pts) > 0 {
			base = MinuteOf(pts[0].TimeNanos)
		}
		spans := drawSpans(t, base)
		until := int64(math.MaxInt64)
		switch now := rapid.IntRange(0, 2).Draw(t, "until"); {
		case now == 1 && len(pts) > 0: // at, just before or after an event, whose minute is then cut
			p := pts[rapid.IntRange(0, len(pts)-1).Draw(t, "at")]
			until = p.TimeNanos + rapid.SampledFrom([]int64{-1, 0, 1, 20e9}).Draw(t, "nanos")
			spans = drawSpans(t, MinuteOf(until))
		case now == 2:
			until = (base+rapid.Int64Range(-10, 4000).Draw(t, "now"))*nanosPerMinute + rapid.SampledFrom([]int64{0, 1, 30e9}).Draw(t, "nanos")
		}
		s.reads = map[pageKey]int{}
		aggs, err := RangeUntil(k, s, deltas, spans, until)
		require.NoError(t, err)
		require.Len(t, aggs, len(spans))
		for key, n := range s.reads {
			if n > 1 {
				t.Fatalf("%s page %d was read %d times", key.level, key.page, n)
			}
		}
		for i, span := range spans {
			end := min(nanosOf(span.EndMin), until)
			want, level, count := naiveIntegral(pts, nanosOf(span.StartMin), end)
			area := aggs[i].Extra.Area
			if area.Integral.big().Cmp(want) != 0 {
				t.Fatalf("span %v until %d: %s, want %s", span, until, area.Integral.big(), want)
			}
			if end >= nanosOf(span.StartMin) && (area.Last != level || aggs[i].Count != count) {
				t.Fatalf("span %v until %d: level %d after %d events, want %d after %d", span, until, area.Last, aggs[i].Count, level, count)
			}
		}
	})
}

// TestAreasCompose: the area of a stretch is that of its parts, wherever it is cut.
func TestAreasCompose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pts := drawPoints(t, KindWeighted, 10)
		a := fold(KindWeighted, pts)
		from, to := int64(math.MinInt64), int64(math.MaxInt64)
		if len(pts) > 0 {
			from = a.extra().Steps[0].TimeNanos - rapid.Int64Range(0, 100).Draw(t, "before")
			to = a.Extra.Steps[len(pts)-1].TimeNanos + rapid.Int64Range(1, 100).Draw(t, "after")
		}
		stretch := func(from, to int64) sweep {
			s := newSweep(from)
			for i := range a.extra().Steps {
				if at := a.Extra.Steps[i].TimeNanos; at >= from && at < to {
					s.step(&a.Extra.Steps[i])
				}
			}
			s.advance(to)
			return s
		}
		whole := stretch(from, to)
		x := rapid.Int64Range(from, to).Draw(t, "x")
		y := rapid.Int64Range(x, to).Draw(t, "y")
		sum := newSweep(from)
		for _, cut := range [][2]int64{{from, x}, {x, y}, {y, to}} {
			part := stretch(cut[0], cut[1])
			sum.area(&part.Area, cut[0], cut[1], part.count)
		}
		require.Equal(t, whole, sum)
		v := rapid.Int64Range(-1<<40, 1<<40).Draw(t, "v")
		integral, level := sum.enteredBy(v)
		first := Point{TimeNanos: from, Value: v, ID: "\x00"}
		want, last, _ := naiveIntegral(append([]Point{first}, pts...), from, to)
		require.Equal(t, want.String(), integral.big().String())
		require.Equal(t, last, level)
	})
}

// TestWeightedBounds: the greatest level over all of time neither overflows nor loses a bit.
func TestWeightedBounds(t *testing.T) {
	for _, v := range []int64{1 << 62, -1 << 62, math.MaxInt64, math.MinInt64 + 1} {
		s := newSweep(math.MinInt64)
		s.step(&Step{Entry: Entry{TimeNanos: math.MinInt64, Value: v}})
		s.advance(math.MaxInt64)
		integral, _ := s.enteredBy(0)
		want := new(big.Int).Mul(big.NewInt(v), new(big.Int).SetUint64(math.MaxUint64))
		require.Equal(t, want.String(), integral.big().String())
	}
}

// TestStepOrder: steps of one instant are ordered by identity; of one identity, a set comes first.
func TestStepOrder(t *testing.T) {
	pts := []Point{{Value: 5, ID: "a"}, {Value: 9, ID: "a"}, {Value: 2, ID: "a", Add: true}, {Value: 1, ID: "b", Add: true}}
	rapid.Check(t, func(t *rapid.T) {
		level, _ := number(KindWeighted, fold(KindWeighted, rapid.Permutation(pts).Draw(t, "order")))
		require.Equal(t, int64(12), level)
	})
}

func TestWeightedCarriesOver(t *testing.T) {
	s, d := newStore(KindWeighted), new(Delta)
	day := int64(20_000 * 1440)
	fold := func(minute, value int64, add bool) {
		d.Fold(KindWeighted, minute, &Point{TimeNanos: minute * nanosPerMinute, Value: value, Add: add, ID: "x"})
	}
	fold(day+60, 2000, false)     // 2.000 from 01:00 on
	fold(day+1440+90, 1000, true) // 3.000 from 01:30 of the next day on
	require.NoError(t, s.checkpoint(d))
	hours := func(until int64, spans ...Span) (out []string) {
		aggs, err := RangeUntil(KindWeighted, s, nil, spans, until*nanosPerMinute)
		require.NoError(t, err)
		for i := range aggs {
			out = append(out, ValueOf(usage.WeightedSum, 3, &aggs[i]).String())
		}
		return out
	}
	const never = math.MaxInt64 / nanosPerMinute
	require.Equal(t, []string{"0", "46", "70.5", "72"},
		hours(never, Span{day - 1440, day}, Span{day, day + 1440}, Span{day + 1440, day + 2880}, Span{day + 2880, day + 4320}))
	require.Equal(t, []string{"3.5", "0"}, hours(day+1440+100, Span{day + 1440, day + 2880}, Span{day + 2880, day + 4320}))
	require.Equal(t, []string{"0.033333"}, hours(never, Span{day + 1440, day + 1441}))

	// A late set between the two moves the start of the later level, through hour and day pages.
	late := new(Delta)
	late.Fold(KindWeighted, day+600, &Point{TimeNanos: (day + 600) * nanosPerMinute, Value: 0, ID: "late"})
	require.NoError(t, s.checkpoint(late))
	require.Equal(t, []string{"18", "22.5"}, hours(never, Span{day, day + 1440}, Span{day + 1440, day + 2880}))
}

// TestWeightedCutsBuckets: a time inside the last minute of a day, whose bucket is stored whole.
func TestWeightedCutsBuckets(t *testing.T) {
	s, d := newStore(KindWeighted), new(Delta)
	for id, second := range []int64{10, 40} {
		d.Fold(KindWeighted, 1439, &Point{TimeNanos: 1439*nanosPerMinute + second*1e9, Value: 100 * (int64(id) + 1), ID: "x"})
	}
	require.NoError(t, s.checkpoint(d))
	for second, want := range map[int64]int64{10: 0, 30: 20 * 100, 40: 30 * 100, 45: 30*100 + 5*200, 60: 30*100 + 20*200, 90: 30*100 + 20*200} {
		aggs, err := RangeUntil(KindWeighted, s, nil, []Span{{0, 1440}}, 1439*nanosPerMinute+second*1e9)
		require.NoError(t, err)
		require.Equal(t, Int128{0, uint64(want) * 1e9}, aggs[0].Extra.Area.Integral, "second %d", second)
	}
}

func TestUnitHours(t *testing.T) {
	hour := func(units int64) Int128 { return product(units, nanosPerHour) }
	third, _ := hour(1).add(Int128{0, 1})
	for _, c := range []struct {
		name     string
		scale    int
		integral Int128
		want     string
	}{
		{"nothing", 3, Int128{}, "0"},
		{"one", 0, hour(1), "1"},
		{"below zero", 3, hour(-1500), "-1.5"},
		{"down", 0, third, "1"},
		{"half to even, down", 6, hour(0).plusHalf(0), "0"},
		{"half to even, up", 6, hour(0).plusHalf(1), "0.000002"},
		{"just above the half", 6, Int128{0, nanosPerHour/2 + 1}, "0.000001"},
		{"finer scale", 9, hour(2500), "0.000002"},
		{"finest scale", 18, hour(1e18), "1"},
		{"five decimals", 0, hour(20_000_000_000_000), "20000000000000"},
		{"as many decimals as fit", 0, hour(200_000_000_000_000_000).plusHalf(0), "200000000000000000.5"},
		{"the greatest", 0, hour(math.MaxInt64), "9223372036854775807"},
		{"the smallest", 0, hour(math.MinInt64), "-9223372036854775808"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := UnitHours(c.scale, &Agg{Extra: &Extra{Area: Area{Integral: c.integral}}})
			require.NoError(t, err)
			require.Equal(t, c.want, d.String())
		})
	}
	for _, great := range []Int128{hour(math.MaxInt64).plusHalf(0), {math.MaxInt64, math.MaxUint64}, {math.MinInt64, 0}} {
		a := &Agg{Extra: &Extra{Area: Area{Integral: great}}}
		d, err := UnitHours(0, a)
		var refused *usage.Error
		require.True(t, errors.As(err, &refused) && refused.Code == usage.CodeOverflow, "%v", err)
		require.False(t, d.IsSet() || Value(KindWeighted, 0, a).IsSet())
	}
}

// plusHalf adds n hours and a half.
func (x Int128) plusHalf(n int64) Int128 {
	sum, _ := x.add(product(2*n+1, nanosPerHour/2))
	return sum
}

// TestUnitHoursExact compares with big rationals.
func TestUnitHoursExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := Int128{rapid.OneOf(rapid.Int64Range(-1000, 1000), rapid.Int64()).Draw(t, "hi"), rapid.Uint64().Draw(t, "lo")}
		scale := rapid.IntRange(0, 18).Draw(t, "scale")
		d, err := UnitHours(scale, &Agg{Extra: &Extra{Area: Area{Integral: x}}})
		ten := func(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
		exact := new(big.Rat).SetFrac(x.big(), new(big.Int).Mul(ten(scale), big.NewInt(nanosPerHour)))
		if err != nil {
			if exact.Abs(exact).Cmp(new(big.Rat).SetInt64(math.MaxInt64)) < 0 {
				t.Fatalf("%s refused", exact.FloatString(3))
			}
			return
		}
		coef, places := d.Parts()
		got := new(big.Rat).SetFrac(big.NewInt(coef), ten(int(places)))
		// As many decimals as fit, at most 6: the error is half of the last one.
		decimals := 6
		for ; decimals > 0; decimals-- {
			if scaled := new(big.Rat).Mul(exact, new(big.Rat).SetInt(ten(decimals))); scaled.Abs(scaled).Cmp(new(big.Rat).SetInt64(math.MaxInt64)) < 0 {
				break
			}
		}
		off := new(big.Rat).Sub(exact, got)
		if off.Abs(off).Cmp(new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Mul(big.NewInt(2), ten(decimals)))) > 0 {
			t.Fatalf("%s is %s", exact.FloatString(9), d)
		}
	})
}

func TestAddAnswer(t *testing.T) {
	var total Agg
	require.True(t, total.AddAnswer(KindWeighted, &Agg{}))
	for range 3 {
		require.True(t, total.AddAnswer(KindWeighted, &Agg{Extra: &Extra{Area: Area{Last: 9, Integral: product(5, nanosPerHour)}}}))
	}
	require.Equal(t, "15", Value(KindWeighted, 0, &total).String())
	great := &Agg{Count: 1, Extra: &Extra{Area: Area{Integral: Int128{math.MaxInt64, 0}}}}
	require.True(t, total.AddAnswer(KindWeighted, great))
	before := total.clone()
	require.False(t, total.AddAnswer(KindWeighted, great))
	require.Equal(t, before, total)
	var sum Agg
	require.True(t, sum.AddAnswer(KindSum, &Agg{Count: 1, Value: 4}))
	require.Equal(t, Agg{Count: 1, Value: 4}, sum)
	require.Panics(t, func() { sum.AddAnswer(KindLatest, &Agg{}) })
	require.Panics(t, func() { sum.AddAnswer(KindUnique, &Agg{}) })
}

// TestWeightedRefuses: buckets that speak of other times than their own are corrupt, and coarse
// ones are never merged.
func TestWeightedRefuses(t *testing.T) {
	s := newStore(KindWeighted)
	var d Delta
	d.Fold(KindWeighted, 100, &Point{TimeNanos: 100 * nanosPerMinute, Value: 1, ID: "x"})
	require.NoError(t, s.checkpoint(&d))
	for _, l := range []Level{Minute, Day} {
		moved := newStore(KindWeighted)
		page, slot := PageOf(KindWeighted, l, 100)
		var p Page
		require.NoError(t, p.Decode(KindWeighted, l, s.pages[pageKey{l, page}]))
		a := p.Slot(slot).clone()
		p.Reset(KindWeighted, l)
		p.ReplaceSlot(slot+1, &a)
		moved.pages[pageKey{l, page}] = p.Append(nil)
		_, err := Range(KindWeighted, moved, nil, []Span{{l.Minutes(), 1440 * 5}, {1440 * 5, 1440*5 + 3}})
		if l == Minute {
			_, err = Range(KindWeighted, moved, nil, []Span{{101, 102}})
		}
		require.ErrorIs(t, err, ErrCorrupt, l.String())
		require.Equal(t, l == Minute, !panics(func() { p.MergeSlot(slot, &a) }), l.String())
		require.Equal(t, l == Minute, !panics(func() { new(Agg).Merge(KindWeighted, &a) }), l.String())
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

func BenchmarkWeightedFold(b *testing.B) {
	for name, late := range map[string]int64{"in order": 0, "late": 1} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var d Delta
			p := Point{ID: "0190b2e4-6f3a-7c11-9d2e-5b8f1c3a7e90"}
			for i := range b.N {
				minute := int64(i >> 8) // 256 events a minute
				p.TimeNanos = minute*nanosPerMinute + int64(i&255)*200e6*(1-2*late) + late*59e9
				p.Value = int64(i)
				d.Fold(KindWeighted, minute, &p)
				if i&(1<<16-1) == 0 {
					d.Reset()
				}
			}
		})
	}
}

// BenchmarkWeightedRewrite checkpoints one minute of a level that changed every 10 minutes of a month.
func BenchmarkWeightedRewrite(b *testing.B) {
	s := monthOfHours(KindWeighted)
	var d Delta
	var ladder Ladder
	minute := int64(20_015 * 1440)
	d.Fold(KindWeighted, minute+5, &Point{TimeNanos: (minute + 5) * nanosPerMinute, Value: 1, ID: "x"})
	read := func(l Level, page int64, fn func([]byte) error) error {
		if data, ok := s.pages[pageKey{l, page}]; ok {
			return fn(data)
		}
		return nil
	}
	var buf []byte
	write := func(_ Level, _ int64, _ []byte, p *Page) error { buf = p.Append(buf[:0]); return nil }
	b.ReportAllocs()
	for range b.N {
		if err := ladder.Rewrite(KindWeighted, &d, read, write); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWeightedRange answers 30 days by the hour, with an event every 10 minutes and a delta of one minute.
func BenchmarkWeightedRange(b *testing.B) {
	s := monthOfHours(KindWeighted)
	var keys []pageKey
	for key := range s.pages {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b pageKey) int { return cmp.Compare(a.page, b.page) })
	src := levelFunc(func(l Level, from, to int64, fn func(int64, []byte) error) error {
		i, _ := slices.BinarySearchFunc(keys, from, func(k pageKey, page int64) int { return cmp.Compare(k.page, page) })
		for ; i < len(keys) && keys[i].page < to; i++ {
			if keys[i].level != l {
				continue
			}
			if err := fn(keys[i].page, s.pages[keys[i]]); err != nil {
				return err
			}
		}
		return nil
	})
	var spans []Span
	for h := range int64(720) {
		spans = append(spans, Span{20_000*1440 + h*60, 20_000*1440 + h*60 + 60})
	}
	var d Delta
	d.Fold(KindWeighted, 20_029*1440, &Point{TimeNanos: 20_029 * 1440 * nanosPerMinute, Value: 1, ID: "y"})
	b.ReportAllocs()
	for range b.N {
		if _, err := Range(KindWeighted, src, []*Delta{&d}, spans); err != nil {
			b.Fatal(err)
		}
	}
}

type levelFunc func(l Level, from, to int64, fn func(page int64, data []byte) error) error

func (f levelFunc) Pages(l Level, from, to int64, fn func(page int64, data []byte) error) error {
	return f(l, from, to, fn)
}
