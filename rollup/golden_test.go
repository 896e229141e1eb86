package rollup

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
)

// TestGoldenPages pins bytes of docs/FORMAT.md. When one changes, stores of before cannot be read: that
// takes a new version, not a new golden.
func TestGoldenPages(t *testing.T) {
	everyOther := roaring.New() // 17 members in 8 runs: array and run container both take 34 bytes
	for i := range uint32(8) {
		everyOther.AddRange(uint64(4*i), uint64(4*i+2))
	}
	everyOther.Add(30)
	run := roaring.New()
	run.AddRange(65536, 65536+20)
	for _, c := range []struct {
		name string
		k    Kind
		slot int
		a    *Agg
		want string
	}{
		{"sum", KindSum, 9, &Agg{Count: 3, Value: 1500}, "01 12 02 02 03 b817"},
		{"count", KindCount, 0, &Agg{Count: 300}, "01 22 01 01 ac02"},
		{"max", KindMax, 23, &Agg{Count: 1, Value: -1}, "01 42 04 80 01 01"},
		{"latest", KindLatest, 0, fold(KindLatest, []Point{
			{TimeNanos: 256, Value: 5, Source: "s", ID: "a"},
			{TimeNanos: 258, Value: -1, ID: "b", Add: true},
		}), "01 62 01 01 02 03 0001000000000000 0a 0173 0161 02 01 00 0162"},
		{"adjusted below nothing", KindSum, 1, &Agg{Value: -5}, "01 12 01 02 00 09"},
		{"a count below nothing", KindCount, 0, &Agg{Count: -1}, "01 22 01 01 ffffffffffffffffff01"},
		{"percentile", KindPercentile, 0, fold(KindPercentile, []Point{{Value: 3}, {Value: 3}, {Value: 1000}}),
			"01 82 01 01 03 02 03 02 b902 01"}, // 1000 = 125 << 3: bin 3*64 + 125 = 317, 313 after the one after 3
		{"a level", KindWeighted, 0, &Agg{Count: 2, Extra: &Extra{Area: Area{HasSet: true, FirstSet: 256, Last: -3, Integral: Int128{-1, 1<<64 - 2}}}},
			"01 92 01 01 02 01 0001000000000000 05 feffffffffffffff ffffffffffffffff"},
		{"a level without a set", KindWeighted, 0, &Agg{Count: 1, Extra: &Extra{Area: Area{Last: 2, Integral: Int128{0, 7}}}},
			"01 92 01 01 01 00 04 0700000000000000 0000000000000000"},
		{"few members", KindUnique, 0, &Agg{Count: 4, Members: setOf(3, 5, 6)},
			"01 72 04 03 03 01 00"},
		{"a run", KindUnique, 0, &Agg{Count: 20, Members: membersOf(run)},
			"01 72 14 14 3b300000 01 0100 1300 0100 0000 1300"},
		{"array and runs of one size", KindUnique, 0, &Agg{Count: 17, Members: membersOf(everyOther)},
			"01 72 11 11 3a300000 01000000 0000 1000 10000000" +
				"0000 0100 0400 0500 0800 0900 0c00 0d00 1000 1100 1400 1500 1800 1900 1c00 1d00 1e00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p Page
			p.Reset(c.k, Hour)
			p.ReplaceSlot(c.slot, c.a)
			got := hex.EncodeToString(p.Append(nil))
			if want := strings.ReplaceAll(c.want, " ", ""); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// TestGoldenSteps pins the bytes of minutes of kind weighted.
func TestGoldenSteps(t *testing.T) {
	a := fold(KindWeighted, []Point{
		{TimeNanos: 258, Value: -1, ID: "b", Add: true},
		{TimeNanos: 256, Value: 5, Source: "s", ID: "a"},
	})
	want := strings.ReplaceAll("01 90 01 01 02 0001000000000000 0a 0273 0161 02 01 01 0162", " ", "")
	if got := hex.EncodeToString([]byte(encode(KindWeighted, a))); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
