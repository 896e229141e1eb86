package usage

import (
	"encoding/json"
	"time"
)

// Change is a row of usage that differs from what it was as of an earlier block of the log: Was. It is absent (null) where there was
// nothing; so is Value where nothing is left.
type Change struct {
	Row
	Was Decimal `json:"was"`
}

// Changes is the rows that differ between two points of the log.
type Changes struct {
	Meter string   `json:"meter"`
	Since AsOf     `json:"since"`
	AsOf  AsOf     `json:"as_of"`
	Data  []Change `json:"data"`
}

// MarshalJSON writes the row and what it was, with times in UTC and an absent group as {}.
func (c Change) MarshalJSON() ([]byte, error) {
	if c.Group == nil {
		c.Group = map[string]*string{}
	}
	return json.Marshal(struct {
		WindowStart time.Time          `json:"window_start"`
		WindowEnd   time.Time          `json:"window_end"`
		Value       Decimal            `json:"value"`
		Was         Decimal            `json:"was"`
		Group       map[string]*string `json:"group"`
	}{c.WindowStart.UTC(), c.WindowEnd.UTC(), c.Value, c.Was, c.Group})
}

var _ json.Marshaler = Change{}
