package rollup

import (
	"math"
	"math/big"
	"testing"

	"github.com/weirhq/weir/usage"
	"pgregory.net/rapid"
)

func TestKindOf(t *testing.T) {
	for a, want := range map[usage.Aggregation]Kind{usage.Sum: KindSum, usage.Count: KindCount, usage.Min: KindMin, usage.Max: KindMax,
		usage.Avg: KindAvg, usage.Latest: KindLatest, usage.UniqueCount: KindUnique, usage.WeightedSum: 0, usage.P50: 0, usage.P99: 0, "": 0} {
		if k, ok := KindOf(a); k != want || ok != (want != 0) {
			t.Errorf("KindOf(%q) = %d, %v", a, k, ok)
		}
	}
}

func TestValue(t *testing.T) {
	latest := fold(KindLatest, []Point{{Value: -1500, ID: "a"}, {Value: 250, ID: "b", Add: true}})
	for _, c := range []struct {
		name  string
		k     Kind
		scale int
		a     Agg
		want  string // "" is absent
	}{
		{"sum of nothing", KindSum, 3, Agg{}, "0"},
		{"count of nothing", KindCount, 3, Agg{}, "0"},
		{"unique of nothing", KindUnique, 3, Agg{}, "0"},
		{"min of nothing", KindMin, 3, Agg{}, ""},
		{"max of nothing", KindMax, 3, Agg{}, ""},
		{"avg of nothing", KindAvg, 3, Agg{}, ""},
		{"latest of nothing", KindLatest, 3, Agg{}, ""},
		{"sum", KindSum, 3, Agg{Count: 2, Value: 12345}, "12.345"},
		{"count", KindCount, 3, Agg{Count: 12345}, "12345"},
		{"min of 0", KindMin, 3, Agg{Count: 1}, "0"},
		{"min", KindMin, 3, Agg{Count: 2, Value: -5}, "-0.005"},
		{"max", KindMax, 0, Agg{Count: 2, Value: 7}, "7"},
		{"latest", KindLatest, 3, *latest, "-1.25"},
		{"unique", KindUnique, 3, Agg{Count: 9, Members: setOf(1, 2, 5)}, "3"},
		{"avg", KindAvg, 0, Agg{Count: 3, Value: 2}, "0.666667"},
		{"avg below 0", KindAvg, 0, Agg{Count: 3, Value: -2}, "-0.666667"},
		{"avg, half to even, down", KindAvg, 6, Agg{Count: 2, Value: 5}, "0.000002"},
		{"avg, half to even, up", KindAvg, 6, Agg{Count: 2, Value: 7}, "0.000004"},
		{"avg of a finer scale", KindAvg, 9, Agg{Count: 1, Value: 2500}, "0.000002"},
		{"avg, too great for 6 decimals", KindAvg, 0, Agg{Count: 1, Value: math.MaxInt64}, "9223372036854775807"},
		{"avg, room for 2 decimals", KindAvg, 0, Agg{Count: 3, Value: 200_000_000_000_000_000}, "66666666666666666.67"},
		{"avg of very many", KindAvg, 9, Agg{Count: math.MaxInt64, Value: math.MaxInt64}, "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Value(c.k, c.scale, &c.a)
			if c.want == "" {
				if got.IsSet() {
					t.Errorf("got %s, want absent", got)
				}
				return
			}
			if !got.IsSet() || got.String() != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestAverageExact compares with big rationals: within half a unit of the last decimal, to even at
// the half, and with 6 decimals unless they do not fit.
func TestAverageExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sum := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-1000, 1000)).Draw(t, "sum")
		count := rapid.OneOf(rapid.Int64Range(1, 10), rapid.Int64Range(1, math.MaxInt64)).Draw(t, "count")
		scale := rapid.IntRange(0, 18).Draw(t, "scale")
		units, decimals := average(sum, count, scale)
		ten := func(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
		exact := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(sum), ten(decimals)), new(big.Int).Mul(big.NewInt(count), ten(scale)))
		off := new(big.Rat).Sub(exact, new(big.Rat).SetInt64(units))
		switch off.Abs(off).Cmp(big.NewRat(1, 2)) {
		case 1:
			t.Fatalf("average(%d, %d, %d) = %d e-%d is off by %s", sum, count, scale, units, decimals, off)
		case 0:
			if units%2 != 0 {
				t.Fatalf("average(%d, %d, %d) = %d e-%d is not even", sum, count, scale, units, decimals)
			}
		}
		if decimals < avgDecimals {
			finer := new(big.Rat).Mul(exact, big.NewRat(10, 1))
			if finer.Abs(finer).Cmp(new(big.Rat).SetInt64(math.MaxInt64)) < 0 {
				t.Fatalf("average(%d, %d, %d) gave up decimals at %d", sum, count, scale, decimals)
			}
		}
	})
}
