package civil

import (
	"archive/zip"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestWindows pins the boundaries around the changes of clocks that are easy to get wrong.
// Boundaries are written in local time; a repeated reading is told apart by its offset.
func TestWindows(t *testing.T) {
	for _, c := range []struct {
		name, zone, from, to string
		kind                 Kind
		want                 string
	}{
		{"hours over a gap", "Europe/Berlin", "2025-03-30T00:00:00+01:00", "2025-03-30T05:00:00+02:00", Hour,
			"00:00+0100 01:00+0100 03:00+0200 04:00+0200 05:00+0200"},
		{"hours over a fold", "Europe/Berlin", "2025-10-26T01:00:00+02:00", "2025-10-26T04:00:00+01:00", Hour,
			"01:00+0200 02:00+0200 02:00+0100 03:00+0100 04:00+0100"},
		{"a change by half an hour, forward", "Australia/Lord_Howe", "2024-10-06T01:00:00+10:30", "2024-10-06T04:00:00+11:00", Hour,
			"01:00+1030 02:30+1100 03:00+1100 04:00+1100"},
		{"a change by half an hour, back", "Australia/Lord_Howe", "2024-04-07T01:00:00+11:00", "2024-04-07T03:00:00+10:30", Hour,
			"01:00+1100 01:30+1030 02:00+1030 03:00+1030"},
		{"an offset with quarters", "Asia/Kathmandu", "2025-01-01T00:00:00+05:45", "2025-01-01T02:00:00+05:45", Hour,
			"00:00+0545 01:00+0545 02:00+0545"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := boundaries(t, c.zone, c.from, c.to, c.kind, "15:04Z0700"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	for _, c := range []struct {
		name, zone, from, to string
		kind                 Kind
		want                 string
	}{
		{"a date that never was", "Pacific/Apia", "2011-12-29T00:00:00-10:00", "2012-01-01T00:00:00+14:00", Day,
			"2011-12-29T00:00:00-10:00 2011-12-31T00:00:00+14:00 2012-01-01T00:00:00+14:00"},
		{"no midnight", "Africa/Cairo", "2024-04-25T00:00:00+02:00", "2024-04-27T00:00:00+03:00", Day,
			"2024-04-25T00:00:00+02:00 2024-04-26T01:00:00+03:00 2024-04-27T00:00:00+03:00"},
		{"midnight twice", "America/Havana", "2024-11-02T00:00:00-04:00", "2024-11-04T00:00:00-05:00", Day,
			"2024-11-02T00:00:00-04:00 2024-11-03T00:00:00-04:00 2024-11-04T00:00:00-05:00"},
		{"back from midnight to the day before", "America/Asuncion", "2024-03-23T00:00:00-03:00", "2024-03-25T00:00:00-04:00", Day,
			"2024-03-23T00:00:00-03:00 2024-03-24T00:00:00-04:00 2024-03-25T00:00:00-04:00"},
		{"back over midnight", "America/St_Johns", "2010-11-06T00:00:00-02:30", "2010-11-08T00:00:00-03:30", Day,
			"2010-11-06T00:00:00-02:30 2010-11-07T00:00:00-02:30 2010-11-08T00:00:00-03:30"},
		{"from within the repeated evening", "America/St_Johns", "2010-11-06T23:30:00-03:30", "2010-11-08T00:00:00-03:30", Day,
			"2010-11-06T23:30:00-03:30 2010-11-08T00:00:00-03:30"},
		{"ISO weeks", "UTC", "2024-12-30T00:00:00Z", "2025-01-13T00:00:00Z", Week,
			"2024-12-30T00:00:00Z 2025-01-06T00:00:00Z 2025-01-13T00:00:00Z"},
		{"quarters", "UTC", "2024-01-01T00:00:00Z", "2024-10-01T00:00:00Z", Quarter,
			"2024-01-01T00:00:00Z 2024-04-01T00:00:00Z 2024-07-01T00:00:00Z 2024-10-01T00:00:00Z"},
		{"months cut at both ends", "Asia/Kathmandu", "2024-01-31T12:00:00+05:45", "2024-03-01T00:00:01+05:45", Month,
			"2024-01-31T12:00:00+05:45* 2024-02-01T00:00:00+05:45 2024-03-01T00:00:00+05:45* 2024-03-01T00:00:01+05:45"},
		{"years", "America/New_York", "2023-01-01T00:00:00-05:00", "2025-01-01T00:00:00-05:00", Year,
			"2023-01-01T00:00:00-05:00 2024-01-01T00:00:00-05:00 2025-01-01T00:00:00-05:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := boundaries(t, c.zone, c.from, c.to, c.kind, time.RFC3339)
			if c.name == "from within the repeated evening" {
				got = strings.ReplaceAll(got, "*", "") // its day began half an hour before
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// boundaries joins the starts of the windows and the end of the last; a star marks a cut window.
func boundaries(t *testing.T, zone, from, to string, kind Kind, layout string) string {
	t.Helper()
	loc := load(t, zone)
	ws, err := Windows(instant(t, from), instant(t, to), kind, loc, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, w := range ws {
		s := w.Start.Format(layout)
		if w.Cut {
			s += "*"
		}
		out = append(out, s)
	}
	return strings.Join(append(out, ws[len(ws)-1].End.Format(layout)), " ")
}

// TestWindowsEveryZone checks, for all zones and seven years, that windows tile and begin where the
// local clock enters a new period, with lengths that civil time allows (Troll changes its clock by
// two hours).
func TestWindowsEveryZone(t *testing.T) {
	from, to := instant(t, "2024-01-01T00:00:00Z"), instant(t, "2031-01-01T00:00:00Z")
	for _, name := range zoneNames(t) {
		loc := load(t, name)
		for kind, bounds := range map[Kind][2]float64{
			Day: {22, 26}, Week: {7*24 - 2, 7*24 + 2}, Month: {28*24 - 2, 31*24 + 2}, Quarter: {90*24 - 2, 92*24 + 2}, Year: {365*24 - 2, 366*24 + 2},
		} {
			ws := mustTile(t, from, to, kind, loc)
			for i, w := range ws {
				if w.Cut {
					if i != 0 && i != len(ws)-1 {
						t.Fatalf("%s: window %d of %d is cut", name, i, len(ws))
					}
					continue
				}
				if h := w.End.Sub(w.Start).Hours(); h < bounds[0] || h > bounds[1] {
					t.Fatalf("%s: kind %d: %s to %s has %v hours", name, kind, w.Start, w.End, h)
				}
				before := w.Start.Add(-time.Second)
				if label(before, kind) == label(w.Start, kind) {
					t.Fatalf("%s: kind %d: %s does not begin a period", name, kind, w.Start)
				}
			}
		}
	}
}

// TestHoursEveryZone checks hours and quarter hours around every change of offset of 2024 to 2030.
func TestHoursEveryZone(t *testing.T) {
	end := instant(t, "2031-01-01T00:00:00Z")
	for _, name := range zoneNames(t) {
		loc := load(t, name)
		for at := instant(t, "2024-01-01T00:00:00Z").In(loc); ; {
			change, ok := spanEnd(at)
			if !ok || change.After(end) {
				break
			}
			for kind, width := range map[Kind]time.Duration{Minute: time.Minute, QuarterHour: 15 * time.Minute, Hour: time.Hour} {
				for _, w := range mustTile(t, change.Add(-3*time.Hour), change.Add(3*time.Hour), kind, loc) {
					if d := w.End.Sub(w.Start); d > width || d < width && !w.Cut && !w.Start.Equal(change) && !w.End.Equal(change) {
						t.Fatalf("%s: %s to %s is no %s", name, w.Start, w.End, width)
					}
					if wall := wallClock(w.Start.Unix(), loc); wall%int64(width/time.Second) != 0 && !w.Cut && !w.Start.Equal(change) {
						t.Fatalf("%s: %s is not on the clock's %s", name, w.Start, width)
					}
				}
			}
			at = change
		}
	}
}

// TestWindowsTileAnywhere tries random ranges, from the time of local mean times on: seconds in
// offsets, whole days left out or repeated.
func TestWindowsTileAnywhere(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	names := zoneNames(t)
	for range 3000 {
		loc := load(t, names[r.IntN(len(names))])
		from := time.Unix(-3_000_000_000+r.Int64N(5_500_000_000), r.Int64N(1e9))
		kind := Kind(r.IntN(int(Year) + 1))
		length := []time.Duration{time.Hour, 5 * time.Hour, 48 * time.Hour, 900 * time.Hour, 900 * time.Hour, 9000 * time.Hour, 9000 * time.Hour, 20000 * time.Hour}[kind]
		mustTile(t, from, from.Add(time.Duration(r.Int64N(int64(length)))+1), kind, loc)
	}
}

// TestWindowsLastDayOfLeapYear: beyond its table, package time ends spans of a leap year on
// December 31 at 00:00 UTC, also for instants after that. A walk that trusted it never came back.
func TestWindowsLastDayOfLeapYear(t *testing.T) {
	from := instant(t, "2040-12-29T00:00:00Z")
	for _, name := range []string{"America/New_York", "Europe/Dublin", "Pacific/Auckland", "Asia/Tokyo"} {
		for kind := Minute; kind <= Year; kind++ {
			for day := range 5 {
				mustTile(t, from.AddDate(0, 0, day), from.AddDate(0, 0, 5), kind, load(t, name))
			}
		}
		ws := mustTile(t, from, from.AddDate(0, 0, 5), Day, load(t, name))
		for _, w := range ws[1 : len(ws)-1] {
			if w.End.Sub(w.Start) != 24*time.Hour {
				t.Errorf("%s: %s to %s is no day of winter", name, w.Start, w.End)
			}
		}
	}
}

// mustTile returns the windows after checking that they tile the range.
func mustTile(t *testing.T, from, to time.Time, kind Kind, loc *time.Location) []Window {
	t.Helper()
	ws, err := Windows(from, to, kind, loc, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	at := from
	for _, w := range ws {
		if !w.Start.Equal(at) || !w.End.After(w.Start) {
			t.Fatalf("%s: kind %d: window %s to %s after %s", loc, kind, w.Start, w.End, at)
		}
		at = w.End
	}
	if !at.Equal(to) {
		t.Fatalf("%s: kind %d: windows end at %s, want %s", loc, kind, at, to)
	}
	return ws
}

// label names the period by package time alone.
func label(t time.Time, kind Kind) [2]int {
	switch kind {
	case Day:
		return [2]int{t.Year(), t.YearDay()}
	case Week:
		year, week := t.ISOWeek()
		return [2]int{year, week}
	case Month:
		return [2]int{t.Year(), int(t.Month())}
	case Quarter:
		return [2]int{t.Year(), int(t.Month()-1) / 3}
	}
	return [2]int{t.Year(), 0}
}

func TestWindowsRefuses(t *testing.T) {
	from := instant(t, "2024-01-01T00:00:00Z")
	if _, err := Windows(from, from.Add(-1), Day, nil, 10); !errors.Is(err, ErrRange) {
		t.Errorf("backwards: %v", err)
	}
	if ws, err := Windows(from, from, Day, nil, 0); err != nil || len(ws) != 0 {
		t.Errorf("empty: %v, %v", ws, err)
	}
	if _, err := Windows(from, from.AddDate(0, 0, 11), Day, nil, 10); !errors.Is(err, ErrTooMany) {
		t.Errorf("eleven of ten: %v", err)
	}
	if ws, err := Windows(from, from.AddDate(0, 0, 10), Day, nil, 10); err != nil || len(ws) != 10 {
		t.Errorf("ten of ten: %d, %v", len(ws), err)
	}
}

func TestLoadZone(t *testing.T) {
	for _, name := range []string{"", "Local", "Europe/Nowhere", "../etc/passwd", "local"} {
		if loc, err := LoadZone(name); !errors.Is(err, ErrZone) {
			t.Errorf("LoadZone(%q) = %v, %v", name, loc, err)
		}
	}
	if loc, err := LoadZone("Asia/Kathmandu"); err != nil || loc.String() != "Asia/Kathmandu" {
		t.Errorf("Kathmandu: %v, %v", loc, err)
	}
}

// database is the zones that come with Go, which is what LoadZone falls back to. The tests take it
// even where the machine has its own: it lists fewer transitions and leaves more to the rules.
var database = sync.OnceValues(func() (map[string]*time.Location, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	z, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	zones := map[string]*time.Location{}
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		data, err := fs.ReadFile(z, f.Name)
		if err != nil {
			return nil, err
		}
		if zones[f.Name], err = time.LoadLocationFromTZData(f.Name, data); err != nil {
			return nil, err
		}
	}
	return zones, nil
})

func load(t *testing.T, name string) *time.Location {
	t.Helper()
	zones, err := database()
	if err != nil {
		t.Fatalf("zone database of Go: %v", err)
	}
	if zones[name] == nil {
		t.Fatalf("no zone %s", name)
	}
	return zones[name]
}

func zoneNames(t *testing.T) []string {
	t.Helper()
	zones, err := database()
	if err != nil {
		t.Fatalf("zone database of Go: %v", err)
	}
	return slices.Sorted(maps.Keys(zones))
}

func BenchmarkWindows(b *testing.B) {
	loc, err := LoadZone("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	from := time.Date(2025, 3, 1, 0, 0, 0, 0, loc)
	for name, kind := range map[string]Kind{"hours": Hour, "days": Day} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if _, err := Windows(from, from.AddDate(0, 0, 30), kind, loc, 1000); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
