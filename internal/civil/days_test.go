package civil

import (
	"testing"
	"time"
)

// TestDays walks every day of 800 years beside package time, and some far ones.
func TestDays(t *testing.T) {
	check := func(days int64) {
		t.Helper()
		want := time.Unix(days*secondsPerDay, 0).UTC()
		year, month, day := CivilFromDays(days)
		if year != int64(want.Year()) || month != int(want.Month()) || day != want.Day() {
			t.Fatalf("CivilFromDays(%d) = %d-%d-%d, want %s", days, year, month, day, want.Format(time.DateOnly))
		}
		if got := DaysFromCivil(year, month, day); got != days {
			t.Fatalf("DaysFromCivil(%d, %d, %d) = %d, want %d", year, month, day, got, days)
		}
	}
	for days := int64(-400 * 365); days < 400*366; days++ {
		check(days)
	}
	for _, days := range []int64{-10_000_000, -719468, -719469, 2932896, 10_000_000} {
		check(days)
	}
}

func TestMonthUTC(t *testing.T) {
	for _, c := range []struct{ at, start, end string }{
		{"2024-02-29T23:59:59Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"},
		{"2024-03-01T00:00:00Z", "2024-03-01T00:00:00Z", "2024-04-01T00:00:00Z"},
		{"2025-12-31T23:59:59Z", "2025-12-01T00:00:00Z", "2026-01-01T00:00:00Z"},
		{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1970-02-01T00:00:00Z"},
		{"1969-12-31T23:59:59Z", "1969-12-01T00:00:00Z", "1970-01-01T00:00:00Z"},
		{"1900-02-28T12:00:00Z", "1900-02-01T00:00:00Z", "1900-03-01T00:00:00Z"},
	} {
		start, end := MonthUTC(instant(t, c.at).Unix())
		if start != instant(t, c.start).Unix() || end != instant(t, c.end).Unix() {
			t.Errorf("MonthUTC(%s) = [%d, %d), want [%s, %s)", c.at, start, end, c.start, c.end)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = MonthUTC(1_700_000_000) }); n != 0 {
		t.Errorf("MonthUTC allocates %v times", n)
	}
}

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func BenchmarkMonthUTC(b *testing.B) {
	for i := range b.N {
		MonthUTC(int64(i) * 1000)
	}
}
