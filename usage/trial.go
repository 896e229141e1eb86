package usage

// MeterTrial is what a meter would make of an event: nothing is counted.
type MeterTrial struct {
	Meter      string             `json:"meter"`
	Counted    bool               `json:"counted"`    // the event would count in this meter
	Reason     *string            `json:"reason"`     // why it would not: "event_type", "filter", "no_value" or the code of a refusal
	Detail     *string            `json:"detail"`     // the same for people
	Filter     *bool              `json:"filter"`     // whether the meter's filters let it pass; nil: it has none, or is of another event type
	Value      Decimal            `json:"value"`      // what it would add; absent when nothing is
	Unit       string             `json:"unit"`       // of the value
	Member     *string            `json:"member"`     // the unique value, of a unique_count meter
	Dimensions map[string]*string `json:"dimensions"` // where it would count; nil: no value
}

// EventTrial is what all meters would make of an event. Meters has those that the event is of, with the one that was asked about.
type EventTrial struct {
	MeterTrial
	Meters []MeterTrial `json:"meters"`
}
