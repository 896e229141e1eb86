package civil

import (
	"encoding/hex"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Goal: a table says at every moment of its years what Windows says, in every zone and for every kind. Method: the iterators
// under Windows, started at a random second; half of them near a change of the offset, where it is hard.
func TestTableIsWindowsAtAnyTime(t *testing.T) {
	names := zoneNames(t)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "zone")
		table, err := NewTable(name)
		require.NoError(t, err)
		loc, err := LoadZone(name)
		require.NoError(t, err)
		at := rapid.Int64Range(400*secondsPerDay, tableTo-400*secondsPerDay).Draw(t, "at")
		if n := len(table.changes); n > 0 && rapid.Bool().Draw(t, "near a change") {
			at = table.changes[rapid.IntRange(0, n-1).Draw(t, "change")].at + rapid.Int64Range(-90_000, 90_000).Draw(t, "from it")
			at = min(max(at, 400*secondsPerDay), tableTo-400*secondsPerDay)
		}
		for kind := Minute; kind <= Year; kind++ {
			var next func() (int64, int64)
			if kind <= Hour {
				next = steps(at, [...]int64{60, 900, 3600}[kind], loc)
			} else {
				next = periods(at, kind, loc)
			}
			wantStart, wantEnd := next()
			start, end := table.Bounds(kind, at)
			require.Equal(t, [2]int64{wantStart, wantEnd}, [2]int64{start, end}, "kind %d in %s at %d", kind, name, at)
			require.True(t, start <= at && at < end)
			s, e := table.Bounds(kind, end-1)
			require.Equal(t, [2]int64{start, end}, [2]int64{s, e}, "the last second of it")
			s, _ = table.Bounds(kind, end)
			require.Equal(t, end, s, "no gap, no overlap")
		}
	})
}

// Days that were hard for somebody: each is the local day that holds the moment.
func TestTableHardDays(t *testing.T) {
	for _, c := range []struct{ zone, at, start, end string }{
		{"Pacific/Apia", "2011-12-30T09:00:00Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"},      // the 29th; the 30th was skipped
		{"Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"},      // the 31st
		{"America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"}, // midnight was skipped
		{"America/Sao_Paulo", "2018-02-18T02:30:00Z", "2018-02-17T02:00:00Z", "2018-02-18T03:00:00Z"}, // 23:00 came twice
		{"Australia/Lord_Howe", "2024-04-06T20:00:00Z", "2024-04-06T13:00:00Z", "2024-04-07T13:30:00Z"},
		{"Asia/Kathmandu", "2024-01-01T00:00:00Z", "2023-12-31T18:15:00Z", "2024-01-01T18:15:00Z"},
		{"Antarctica/Troll", "2024-03-31T12:00:00Z", "2024-03-31T00:00:00Z", "2024-03-31T22:00:00Z"}, // two hours at once
		{"Africa/Cairo", "2024-04-26T12:00:00Z", "2024-04-25T22:00:00Z", "2024-04-26T21:00:00Z"},     // midnight was skipped
		{"Asia/Gaza", "2024-04-20T12:00:00Z", "2024-04-19T22:00:00Z", "2024-04-20T21:00:00Z"},
	} {
		table, err := NewTable(c.zone)
		require.NoError(t, err)
		at, err := time.Parse(time.RFC3339, c.at)
		require.NoError(t, err)
		start, end := table.Bounds(Day, at.Unix())
		require.Equal(t, []string{c.start, c.end}, []string{utcText(start), utcText(end)}, "%s at %s", c.zone, c.at)
	}
}

func utcText(sec int64) string { return time.Unix(sec, 0).UTC().Format(time.RFC3339) }

func TestAnchoredMonths(t *testing.T) {
	for _, c := range []struct {
		months                 int
		anchor, at, start, end string
	}{
		{3, "2026-01-31T00:00:00Z", "2026-05-01T00:00:00Z", "2026-04-30T00:00:00Z", "2026-07-31T00:00:00Z"},
		{3, "2026-01-31T00:00:00Z", "2026-01-30T23:59:59Z", "2025-10-31T00:00:00Z", "2026-01-31T00:00:00Z"},
		{12, "2024-02-29T00:00:00Z", "2026-02-28T00:00:00Z", "2026-02-28T00:00:00Z", "2027-02-28T00:00:00Z"},
		{12, "2024-02-29T00:00:00Z", "2028-02-28T23:00:00Z", "2027-02-28T00:00:00Z", "2028-02-29T00:00:00Z"},
		{12, "2024-02-29T00:00:00Z", "2019-12-31T00:00:00Z", "2019-02-28T00:00:00Z", "2020-02-29T00:00:00Z"},
	} {
		anchor, _ := time.Parse(time.RFC3339, c.anchor)
		at, _ := time.Parse(time.RFC3339, c.at)
		start, end := UTC().AnchoredMonths(anchor.Unix(), c.months, at.Unix())
		require.Equal(t, []string{c.start, c.end}, []string{utcText(start), utcText(end)}, "%+v", c)
	}
}

// Goal: the grid of any anchor, of any number of months, tiles time in every zone, and its points are civil: the day of the
// anchor or the last of the month, at its time of day or the first moment after a gap.
func TestAnchoredMonthsTile(t *testing.T) {
	names := zoneNames(t)
	rapid.Check(t, func(t *rapid.T) {
		table, err := NewTable(rapid.SampledFrom(names).Draw(t, "zone"))
		require.NoError(t, err)
		months := rapid.SampledFrom([]int{1, 3, 12}).Draw(t, "months")
		anchor := rapid.Int64Range(0, 4_000_000).Draw(t, "anchor") * 900
		at := rapid.Int64Range(0, 4_000_000_000).Draw(t, "at")
		_, _, anchorDay := CivilFromDays(floorDiv(anchor+table.Offset(anchor), secondsPerDay))
		for range 5 {
			start, end := table.AnchoredMonths(anchor, months, at)
			require.True(t, start <= at && at < end, "%d is not in [%d, %d)", at, start, end)
			s, e := table.AnchoredMonths(anchor, months, end-1)
			require.Equal(t, [2]int64{start, end}, [2]int64{s, e})
			s, _ = table.AnchoredMonths(anchor, months, end)
			require.Equal(t, end, s)

			wall := start + table.Offset(start)
			year, month, day := CivilFromDays(floorDiv(wall, secondsPerDay))
			last := int(monthDays(year*12+int64(month)) - monthDays(year*12+int64(month-1)))
			if want := (anchor + table.Offset(anchor) - wall) % secondsPerDay; want == 0 {
				require.Equal(t, min(anchorDay, last), day, "the day of the anchor")
			} else { // the time of day does not exist there: the period begins as a gap ends
				require.NotEqual(t, table.Offset(start-1), table.Offset(start))
			}
			at = end
		}
	})
}

// The bytes are part of the log: they are the same in every version.
func TestTableBytesNeverChange(t *testing.T) {
	require.Equal(t, "010000", hex.EncodeToString(UTC().AppendTo(nil)))
	table := &Table{first: 3600, changes: []zoneChange{{900, 7200}, {1000, -3600}}}
	require.Equal(t, "01"+"a038"+"02"+"8407"+"c070"+"64"+"9f38", hex.EncodeToString(table.AppendTo(nil)))
	for _, bad := range []string{"", "02", "01", "0100", "01000001", "0180000000", "010001800002", "0100010000", "01000180808080c8d11900", "0100020002000004"} {
		src, err := hex.DecodeString(bad)
		require.NoError(t, err)
		_, err = DecodeTable(src)
		require.ErrorIs(t, err, ErrTable, bad)
	}
}

// Outside its years a table keeps the first and the last offset.
func TestTableBeyondItsYears(t *testing.T) {
	table, err := NewTable("Europe/Berlin")
	require.NoError(t, err)
	require.EqualValues(t, 3600, table.Offset(-1<<40))
	require.EqualValues(t, 3600, table.Offset(tableTo+180*secondsPerDay), "no summer time any more")
	for _, at := range []int64{-1 << 40, 1 << 40} {
		start, end := table.Bounds(Month, at)
		require.True(t, start <= at && at < end)
		start, end = table.Anchored(2_678_400, at)
		require.True(t, start <= at && at < end)
	}
	require.Less(t, int64(tableTo), int64(math.MaxInt64/1_000_000_000), "nanoseconds fit")
}

func TestTableDoesNotAllocate(t *testing.T) {
	table, err := NewTable("Europe/Berlin")
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		table.Bounds(Year, 1_700_000_000)
		table.AnchoredMonths(1_600_000_200, 3, 1_700_000_000)
	}))
}

func BenchmarkTableAnchored(b *testing.B) {
	table, _ := NewTable("Europe/Berlin")
	b.ReportAllocs()
	for i := range b.N {
		table.Anchored(1_600_000_200, 1_700_000_000+int64(i))
	}
}
