package usage

// MeterState is a meter as the engine holds it: its definition and the facts about it that a
// client does not choose.
type MeterState struct {
	Meter    Meter
	Version  uint64 // rises by one with every change; the ETag is made of it. Never 0
	Archived bool   // deleted: it counts nothing more, its usage stays readable
}

// Condition is what must hold of a configuration row, at the moment the change is applied, for
// the change to happen; else it is refused with [CodePrecondition] and nothing changes. The
// zero value asks for nothing. An archived row counts as absent.
type Condition struct {
	IfMatch        uint64 // the row must exist and have this version; 0: no such condition
	IfNoneMatchAny bool   // the row must not exist
}
