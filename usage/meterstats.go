package usage

// MeterStats are figures of one meter. Counters count since the start of the process; what counted and came in time is in Usage.
type MeterStats struct {
	Meter        string `json:"meter"`
	Tenants      int    `json:"tenants"`        // with usage of it
	Late         uint64 `json:"late"`           // counted, received more than five minutes after it happened
	Duplicates   uint64 `json:"duplicates"`     // sent again, not counted again
	Conflicts    uint64 `json:"conflicts"`      // another payload under a known id
	Rejected     uint64 `json:"rejected"`       // refused, by this meter or by what holds for all
	Denied       uint64 `json:"denied"`         // blocked by a quota
	GroupsDay    int    `json:"groups_day"`     // no tenant has more combinations of values on one day
	GroupsDayMax int    `json:"groups_day_max"` // the bound on them; beyond it is __other__
}
