package civil

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// In every zone, the periods of 2024 to 2030 tile time, and are those of Windows.
func TestTableBoundsAreWindows(t *testing.T) {
	from, to := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, name := range zoneNames(t) {
		table, err := NewTable(name)
		require.NoError(t, err)
		loc, err := LoadZone(name)
		require.NoError(t, err)
		for _, kind := range []Kind{Day, Week, Month, Quarter, Year} {
			windows, err := Windows(from, to, kind, loc, 10_000)
			require.NoError(t, err)
			_, at := table.Bounds(kind, from.Unix())
			for _, w := range windows[1 : len(windows)-1] {
				start, end := table.Bounds(kind, at)
				require.Equal(t, [2]int64{w.Start.Unix(), w.End.Unix()}, [2]int64{start, end}, "%s %d at %d", name, kind, at)
				lastStart, lastEnd := table.Bounds(kind, end-1)
				require.Equal(t, [2]int64{start, end}, [2]int64{lastStart, lastEnd}, "%s: the last second", name)
				at = end
			}
		}
	}
}

// Hours and shorter periods tile the days on which the clock changes.
func TestTableHours(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia", "Africa/Cairo"} {
		table, err := NewTable(name)
		require.NoError(t, err)
		loc, _ := LoadZone(name)
		for _, kind := range []Kind{Minute, QuarterHour, Hour} {
			from := time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC)
			to := from.Add(30 * 24 * time.Hour)
			if kind == Minute {
				to = from.Add(12 * time.Hour)
			}
			windows, err := Windows(from, to, kind, loc, 100_000)
			require.NoError(t, err)
			for _, w := range windows[1 : len(windows)-1] {
				start, end := table.Bounds(kind, w.Start.Unix())
				require.Equal(t, [2]int64{w.Start.Unix(), w.End.Unix()}, [2]int64{start, end}, "%s %d", name, kind)
			}
		}
	}
}

func TestAnchored(t *testing.T) {
	cases := []struct {
		zone, anchor, at, start, end string
	}{
		{"UTC", "2026-01-31T00:00:00Z", "2026-02-10T00:00:00Z", "2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z"},
		{"UTC", "2026-01-31T00:00:00Z", "2026-03-01T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"},
		{"UTC", "2024-01-31T12:15:00Z", "2024-02-29T12:14:59Z", "2024-01-31T12:15:00Z", "2024-02-29T12:15:00Z"},
		{"UTC", "2024-01-31T12:15:00Z", "2024-02-29T12:15:00Z", "2024-02-29T12:15:00Z", "2024-03-31T12:15:00Z"},
		{"UTC", "2026-01-31T00:00:00Z", "2025-02-10T00:00:00Z", "2025-01-31T00:00:00Z", "2025-02-28T00:00:00Z"}, // backwards
		{"UTC", "2024-02-29T00:00:00Z", "2026-02-28T12:00:00Z", "2026-02-28T00:00:00Z", "2026-03-29T00:00:00Z"},
		// 02:30 local does not exist on 2026-03-29, and comes twice on 2026-10-25.
		{"Europe/Berlin", "2026-01-29T01:30:00Z", "2026-03-29T12:00:00Z", "2026-03-29T01:00:00Z", "2026-04-29T00:30:00Z"},
		{"Europe/Berlin", "2026-01-25T01:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T00:30:00Z", "2026-11-25T01:30:00Z"},
	}
	unix := func(s string) int64 {
		v, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return v.Unix()
	}
	text := func(sec int64) string { return time.Unix(sec, 0).UTC().Format(time.RFC3339) }
	for _, c := range cases {
		table, err := NewTable(c.zone)
		require.NoError(t, err)
		start, end := table.Anchored(unix(c.anchor), unix(c.at))
		require.Equal(t, []string{c.start, c.end}, []string{text(start), text(end)}, "%+v", c)
	}
}

// The grid of any anchor tiles time in any zone.
func TestAnchoredTiles(t *testing.T) {
	names := zoneNames(t)
	rapid.Check(t, func(t *rapid.T) {
		table, err := NewTable(rapid.SampledFrom(names).Draw(t, "zone"))
		require.NoError(t, err)
		anchor := rapid.Int64Range(0, 4_000_000).Draw(t, "anchor") * 900
		at := rapid.Int64Range(0, 4_000_000_000).Draw(t, "at")
		for range 15 {
			start, end := table.Anchored(anchor, at)
			require.True(t, start <= at && at < end, "%d is not in [%d, %d)", at, start, end)
			s, e := table.Anchored(anchor, end-1)
			require.Equal(t, [2]int64{start, end}, [2]int64{s, e})
			s, _ = table.Anchored(anchor, end)
			require.Equal(t, end, s)
			at = end
		}
	})
}

func TestTableCodec(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Antarctica/Troll"} {
		table, err := NewTable(name)
		require.NoError(t, err)
		got, err := DecodeTable(table.AppendTo(nil))
		require.NoError(t, err)
		require.Equal(t, table, got)
		loc, _ := LoadZone(name)
		for sec := int64(tableFrom); sec < tableTo; sec += 3_333_333 {
			_, want := time.Unix(sec, 0).In(loc).Zone()
			require.Equal(t, int64(want), got.Offset(sec))
		}
	}
}

func FuzzDecodeTable(f *testing.F) {
	for _, name := range []string{"UTC", "Europe/Berlin", "Asia/Kathmandu"} {
		table, _ := NewTable(name)
		f.Add(table.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := DecodeTable(data)
		if err != nil {
			if !errors.Is(err, ErrTable) {
				t.Fatal(err)
			}
			return
		}
		start, end := table.Bounds(Month, 1_700_000_000)
		if start > 1_700_000_000 || end <= 1_700_000_000 {
			t.Fatalf("[%d, %d)", start, end)
		}
		again, err := DecodeTable(table.AppendTo(nil))
		if err != nil || !bytes.Equal(again.AppendTo(nil), table.AppendTo(nil)) {
			t.Fatal("does not come back", err)
		}
	})
}

func BenchmarkTableBounds(b *testing.B) {
	table, _ := NewTable("Europe/Berlin")
	b.ReportAllocs()
	for i := range b.N {
		table.Bounds(Month, 1_700_000_000+int64(i))
	}
}
