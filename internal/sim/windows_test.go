package sim

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// seatsOf is the level of seats: the value of the newest event, of several at one time that of the greatest id.
func seatsOf(mine []*entry) int64 {
	var last *entry
	for _, en := range mine {
		if en.op != opRecord || en.voided || en.parts[0].feature != "seats" {
			continue
		}
		if last == nil || en.at.After(last.at) || en.at.Equal(last.at) && en.id > last.id {
			last = en
		}
	}
	if last == nil {
		return 0
	}
	return last.parts[0].units
}

// peakOf is the greatest event of data_transfer.
func peakOf(mine []*entry) (peak int64) {
	for _, en := range mine {
		if en.op == opRecord {
			peak = max(peak, en.units("data_transfer"))
		}
	}
	return peak
}

// windows asks for usage by window and group, and adds up the book's events in each row of the answer. Days are found by package time,
// not by the engine's calendar.
func (w *world) windows(ctx context.Context, e *engine.Engine, tenant string, mine []*entry) {
	for range 4 {
		feature := []string{"api_calls", "data_transfer", "llm_tokens", "llm_tokens"}[w.rng.IntN(4)]
		zone := []string{"UTC", "Asia/Kathmandu", "America/Los_Angeles", "Australia/Lord_Howe"}[w.rng.IntN(4)]
		loc, err := time.LoadLocation(zone)
		require.NoError(w.t, err)
		y, m, d := w.clock.True().In(loc).Date()
		q := usage.Query{Meter: feature, TenantID: tenant, TimeZone: zone, FillZero: true,
			Window: []usage.Window{usage.WindowHour, usage.WindowDay, usage.WindowDay, usage.WindowWeek, usage.WindowMonth, usage.WindowTotal}[w.rng.IntN(6)]}
		days := 1 + w.rng.IntN(60)
		if q.Window == usage.WindowHour {
			days = 1 + w.rng.IntN(3)
		}
		q.To = time.Date(y, m, d+1-w.rng.IntN(3), 0, 0, 0, 0, loc)
		q.From = q.To.AddDate(0, 0, -days)
		if feature == "llm_tokens" {
			q.FillZero, q.GroupBy = false, [][]string{{"metadata.model"}, {"user_id"}, {"user_id", "metadata.model"}}[w.rng.IntN(3)]
		}
		rows, err := e.Usage(ctx, q)
		if usage.Code(err) == usage.CodeResolution { // buckets that are as fine as the zone needs have expired
			continue
		}
		require.NoError(w.t, err)
		w.rows(q, rows.Data, mine, loc)
	}
}

// rows compares the rows of one answer with the events.
func (w *world) rows(q usage.Query, rows []usage.Row, mine []*entry, loc *time.Location) {
	total.add(func() { total.rows += len(rows) })
	sum, want := int64(0), int64(0)
	for i := range rows {
		r := &rows[i]
		if q.FillZero && i > 0 && !r.WindowStart.Equal(rows[i-1].WindowEnd) {
			w.violation(wrongRollup, "%+v: row %d begins at %s, the one before ended at %s", q, i, r.WindowStart, rows[i-1].WindowEnd)
		}
		if y, m, d := r.WindowStart.In(loc).Date(); q.Window == usage.WindowDay && !r.WindowEnd.Equal(time.Date(y, m, d+1, 0, 0, 0, 0, loc)) {
			w.violation(wrongRollup, "%+v: the day of %s ends at %s", q, r.WindowStart, r.WindowEnd.In(loc))
		}
		inRow := int64(0)
		for _, en := range mine {
			if !en.counted.Before(r.WindowStart) && en.counted.Before(r.WindowEnd) && inGroup(en, r.Group) {
				inRow += en.units(q.Meter)
			}
		}
		if got := whole(r.Value); got != inRow {
			w.violation(wrongRollup, "%+v: row %s to %s of %v is %d, its events add up to %d", q, r.WindowStart, r.WindowEnd, r.Group, got, inRow)
		}
		sum += whole(r.Value)
	}
	for _, en := range mine {
		if !en.counted.Before(q.From) && en.counted.Before(q.To) {
			want += en.units(q.Meter)
		}
	}
	if sum != want {
		w.violation(wrongRollup, "%+v: the rows add up to %d, the events to %d", q, sum, want)
	}
}

func inGroup(en *entry, group map[string]*string) bool {
	for by, value := range group {
		mine := en.user
		if by == "metadata.model" {
			mine = en.model()
		}
		if value == nil || *value != mine {
			return false
		}
	}
	return true
}

// past asks for a number as it was when it was noted before, and notes it as it is now.
func (w *world) past(ctx context.Context, e *engine.Engine, tenant string, now int64) {
	b := w.book
	if len(b.points) > 0 {
		p := b.points[w.rng.IntN(len(b.points))]
		rows, err := e.Usage(ctx, usage.Query{Meter: "data_transfer", TenantID: p.tenant, From: allTime.Start, To: allTime.End, AsOfIndex: p.index})
		if usage.Code(err) != usage.CodeEventArchived {
			require.NoError(w.t, err)
			w.same(wrongRollup, p.total, whole(rows.Data[0].Value), "data_transfer of "+p.tenant+" as it was")
		}
	}
	index, _ := e.Digest()
	b.points = append(b.points, point{tenant, index, now})
}
