package usage

import "encoding/json"

// Times leave in UTC, whatever zone the value carries: a client compares texts, and the offset of
// the server means nothing to it. Lists and maps that are empty leave as [] and {}, never null.

// MarshalJSON writes the event with its timestamp in UTC; absent fields are left out.
func (e Event) MarshalJSON() ([]byte, error) {
	type plain Event // without this method
	e.Timestamp = e.Timestamp.UTC()
	return json.Marshal(plain(e))
}

// MarshalJSON writes both ends in UTC; the zero interval as null.
func (i Interval) MarshalJSON() ([]byte, error) {
	type plain Interval
	if i == (Interval{}) {
		return []byte("null"), nil
	}
	return json.Marshal(plain{Start: i.Start.UTC(), End: i.End.UTC()})
}

// MarshalJSON writes the row with its times in UTC and an absent group as {}.
func (r Row) MarshalJSON() ([]byte, error) {
	type plain Row
	r.WindowStart, r.WindowEnd = r.WindowStart.UTC(), r.WindowEnd.UTC()
	if r.Group == nil {
		r.Group = map[string]*string{}
	}
	return json.Marshal(plain(r))
}

// MarshalJSON writes the answer with its times in UTC and no rows as [].
func (r Rows) MarshalJSON() ([]byte, error) {
	type plain Rows
	r.From, r.To = r.From.UTC(), r.To.UTC()
	if r.Data == nil {
		r.Data = []Row{}
	}
	return json.Marshal(plain(r))
}

// MarshalJSON writes the time in UTC.
func (a AsOf) MarshalJSON() ([]byte, error) {
	type plain AsOf
	a.Time = a.Time.UTC()
	return json.Marshal(plain(a))
}

var (
	_ json.Marshaler = Event{}
	_ json.Marshaler = Interval{}
	_ json.Marshaler = Row{}
	_ json.Marshaler = Rows{}
	_ json.Marshaler = AsOf{}
)
