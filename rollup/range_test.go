package rollup

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func sortInts(s []int64) { slices.Sort(s) }

// drawSpans draws disjoint ascending spans around some minutes; some touch, some are empty, some
// are huge.
func drawSpans(t *rapid.T, base int64) []Span {
	var out []Span
	at := base - rapid.SampledFrom([]int64{5, 1440, 40_000}).Draw(t, "before")
	for range rapid.IntRange(0, 12).Draw(t, "spans") {
		if rapid.Bool().Draw(t, "gap") {
			at += rapid.Int64Range(1, 500).Draw(t, "skip")
		}
		if rapid.Bool().Draw(t, "aligned") {
			at = floorDiv(at+1439, 15) * 15
		}
		end := at + rapid.SampledFrom([]int64{0, 1, 7, 15, 60, 61, 345, 1440, 1500, 10_000, 60_000}).Draw(t, "width")
		out = append(out, Span{at, end})
		at = end
	}
	if rapid.IntRange(0, 9).Draw(t, "for ever") == 0 {
		out = append(out, Span{at, 1 << 62})
	}
	return out
}

// TestRangeModel compares every span with the definition of its kind over the raw points, whatever
// is stored and whatever is pending, and that no page is read twice.
func TestRangeModel(t *testing.T) {
	forKinds(t, func(t *rapid.T, k Kind) {
		pts := drawPoints(t, k, rapid.SampledFrom([]int64{3, 3000, 90_000}).Draw(t, "minutes"))
		s, deltas := split(t, k, pts)
		base := int64(0)
		if len(pts) > 0 {
			base = MinuteOf(pts[0].TimeNanos)
		}
		spans := drawSpans(t, base)
		s.reads = map[pageKey]int{}
		aggs, err := Range(k, s, deltas, spans)
		if err != nil || len(aggs) != len(spans) {
			t.Fatalf("%d answers, %v", len(aggs), err)
		}
		for key, n := range s.reads {
			if n > 1 {
				t.Fatalf("%s page %d was read %d times", key.level, key.page, n)
			}
		}
		for i, span := range spans {
			history := slices.DeleteFunc(slices.Clone(pts), func(p Point) bool { return MinuteOf(p.TimeNanos) >= span.EndMin })
			want, wantOK := expect(k, history, span.StartMin)
			if got, ok := number(k, &aggs[i]); got != want || ok != wantOK {
				t.Fatalf("span %v: got %d, %v; want %d, %v", span, got, ok, want, wantOK)
			}
			if n, _ := expect(KindCount, history, span.StartMin); aggs[i].Count != n {
				t.Fatalf("span %v: %d events, want %d", span, aggs[i].Count, n)
			}
		}
		// The answers are the caller's: folding into them leaves deltas and pages alone.
		before := ""
		for _, d := range deltas {
			if d != nil {
				before += deltaBytes(k, d)
			}
		}
		for i := range aggs {
			aggs[i].Fold(k, &Point{TimeNanos: 1, Member: 99, ID: "new", Add: true})
		}
		after := ""
		for _, d := range deltas {
			if d != nil {
				after += deltaBytes(k, d)
			}
		}
		if before != after {
			t.Fatal("an answer shares memory with a delta")
		}
	})
}

// TestRowsSumToTheTotal: whatever the rows, they add up to the whole range.
func TestRowsSumToTheTotal(t *testing.T) {
	for _, k := range []Kind{KindSum, KindCount, KindAvg, KindUnique, KindMin, KindMax} {
		t.Run(k.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				pts := drawPoints(t, k, 5000)
				s, deltas := split(t, k, pts)
				from := rapid.Int64Range(-5000, 1000).Draw(t, "from")
				if len(pts) > 0 {
					from += MinuteOf(pts[0].TimeNanos)
				}
				to := from + 8000
				width := rapid.SampledFrom([]int64{1, 15, 60, 345, 1440, 1380, 1500, 10080}).Draw(t, "width")
				var rows []Span
				for at := from; at < to; at += width {
					rows = append(rows, Span{at, min(at+width, to)})
				}
				parts, err := Range(k, s, deltas, rows)
				if err != nil {
					t.Fatal(err)
				}
				whole, err := Range(k, s, deltas, []Span{{from, to}})
				if err != nil {
					t.Fatal(err)
				}
				var sum Agg
				for i := range parts {
					sum.Merge(k, &parts[i])
				}
				if encode(k, &sum) != encode(k, &whole[0]) {
					t.Fatal("rows do not add up to the total")
				}
			})
		})
	}
}

// TestRangeReadsFewPages counts pages and calls for the shapes of query that matter.
func TestRangeReadsFewPages(t *testing.T) {
	s := monthOfHours(KindSum)
	day := int64(20_000 * 1440)
	rows := func(from, width int64, n int) (out []Span) {
		for i := range int64(n) {
			out = append(out, Span{from + i*width, from + (i+1)*width})
		}
		return out
	}
	for _, c := range []struct {
		name         string
		spans        []Span
		pages, calls int
	}{
		{"hours of 30 days", rows(day, 60, 720), 30, 1},
		{"days of 30 days", rows(day, 1440, 30), 2, 1},
		{"one month", rows(day, 1440*30, 1), 2, 1},
		{"days in Kathmandu", rows(day-345, 1440, 30), 31 + 31, 2},
		{"quarter hours of a day", rows(day, 15, 96), 1, 1},
		{"minutes of two hours", rows(day+60, 1, 120), 2, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.reads, s.calls = map[pageKey]int{}, 0
			if _, err := Range(KindSum, s, nil, c.spans); err != nil {
				t.Fatal(err)
			}
			if len(s.reads) > c.pages || s.calls > c.calls {
				t.Errorf("%d pages in %d calls, want %d in %d", len(s.reads), s.calls, c.pages, c.calls)
			}
		})
	}
}

// monthOfHours has an event every 10 minutes of 30 days and a bit.
func monthOfHours(k Kind) *store {
	s, d := newStore(k), new(Delta)
	for m := int64(20_000*1440 - 1440); m < 20_031*1440; m += 10 {
		d.Fold(k, m, &Point{Value: m % 1000, Member: uint32(m % 5000), TimeNanos: m * nanosPerMinute, ID: "x"})
	}
	if err := s.checkpoint(d); err != nil {
		panic(err)
	}
	return s
}

func TestRangeRefuses(t *testing.T) {
	for _, spans := range [][]Span{{{5, 4}}, {{0, 10}, {9, 20}}, {{10, 20}, {0, 5}}} {
		if _, err := Range(KindSum, newStore(KindSum), nil, spans); !errors.Is(err, ErrSpans) {
			t.Errorf("%v: %v", spans, err)
		}
	}
	s := monthOfHours(KindSum)
	for key := range s.pages {
		s.pages[key] = []byte{formatVersion, 0xff, 1}
	}
	if _, err := Range(KindSum, s, nil, []Span{{20_000 * 1440, 20_001 * 1440}}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("corrupt pages: %v", err)
	}
	for name, src := range map[string]pagesFunc{
		"twice":    func(fn func(int64, []byte) error) error { return errors.Join(fn(0, nil), fn(0, nil)) },
		"unasked":  func(fn func(int64, []byte) error) error { return fn(7, nil) },
		"too soon": func(fn func(int64, []byte) error) error { return fn(-1, nil) },
	} {
		if _, err := Range(KindSum, src, nil, []Span{{0, 30}}); !errors.Is(err, ErrSource) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("disk")
	if _, err := Range(KindSum, pagesFunc(func(func(int64, []byte) error) error { return broken }), nil, []Span{{0, 30}}); !errors.Is(err, broken) {
		t.Errorf("an error of the source: %v", err)
	}
}

type pagesFunc func(fn func(page int64, data []byte) error) error

func (f pagesFunc) Pages(_ Level, _, _ int64, fn func(int64, []byte) error) error { return f(fn) }

// sorted is a source that costs next to nothing.
type sorted struct {
	first int64
	data  [][]byte
}

func (s *sorted) Pages(_ Level, from, to int64, fn func(page int64, data []byte) error) error {
	for page := max(from, s.first); page < min(to, s.first+int64(len(s.data))); page++ {
		if err := fn(page, s.data[page-s.first]); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkRange answers 30 days by the hour from pages in memory and a delta of one minute.
func BenchmarkRange(b *testing.B) {
	for _, k := range []Kind{KindSum, KindAvg, KindLatest} {
		b.Run(k.String(), func(b *testing.B) {
			s := monthOfHours(k)
			src := &sorted{first: 20_000}
			for page := range int64(30) {
				src.data = append(src.data, s.pages[pageKey{Hour, 20_000 + page}])
			}
			var spans []Span
			for h := range int64(720) {
				spans = append(spans, Span{20_000*1440 + h*60, 20_000*1440 + h*60 + 60})
			}
			var d Delta
			d.Fold(k, 20_001*1440, &Point{Value: 1})
			b.ReportAllocs()
			for range b.N {
				if _, err := Range(k, src, []*Delta{&d}, spans); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
