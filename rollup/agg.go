package rollup

import "slices"

// Point is one event as a meter sees it. The strings may alias a buffer of the caller: what is kept
// is copied.
type Point struct {
	TimeNanos int64  // event time, unix nanoseconds
	Value     int64  // in units of 10^-scale of the meter
	Member    uint32 // kind unique: dense number of the user or unique value
	Add       bool   // kinds latest, weighted: the value is added to the one before, not set
	Times     int64  // kind count: how many events it stands for; 0: one
	Source    string // with ID the identity of the event; orders events of one instant
	ID        string
}

// Agg is what a bucket knows about its events. Only the fields of its kind are used:
//
//	sum, avg   Count, Value: the sum
//	count      Count
//	min, max   Count, Value: the extreme one (undefined while Count is 0)
//	latest     Count, Latest
//	unique     Count, Members (nil: events only of members that an older part of the same bucket has)
//	percentile Count, Extra.Bins
//	weighted   Count, Extra.Steps (minutes) or Extra.Area (coarser buckets, answers)
//
// The zero Agg holds no events. Count is the number of events, for every kind; adjustments move
// that of kind count (see [Agg.Adjust]). Corrections may take Count and a sum below zero: state is a
// signed sum, and whoever shows it decides what a negative total looks like. An Agg does not know
// its kind: that is a fact of the series, and a byte here would cost eight.
type Agg struct {
	Count, Value int64
	Latest       *Latest
	Members      *Members
	Extra        *Extra
}

// Extra is the state of two kinds that few series have. One pointer for both keeps an Agg at 40
// bytes: millions of buckets wait for a checkpoint while history is taken in.
type Extra struct {
	Bins  []Bin  // percentile: ascending by index, none with count 0
	Steps []Step // weighted, minute buckets: ascending
	Area  Area   // weighted, coarser buckets and answers of Range; zero in minute buckets
}

// Fold adds one event. Precondition: the sum of absolute values of the series fits int64 (see the
// package comment). It does not allocate for kinds without members or entries; unique, latest,
// percentile and weighted allocate when their set grows. It panics on an unknown kind, and on a
// negative value of kind percentile.
func (a *Agg) Fold(k Kind, p *Point) {
	switch k {
	case KindSum, KindAvg:
		a.Value += p.Value
	case KindCount:
	case KindMin:
		if a.Count == 0 || p.Value < a.Value {
			a.Value = p.Value
		}
	case KindMax:
		if a.Count == 0 || p.Value > a.Value {
			a.Value = p.Value
		}
	case KindLatest:
		if a.Latest == nil {
			a.Latest = new(Latest)
		}
		a.Latest.fold(p)
	case KindUnique:
		if a.Members == nil {
			a.Members = new(Members)
		}
		a.Members.Add(p.Member)
	case KindPercentile:
		a.extra().addBin(p.Value, 1)
	case KindWeighted:
		a.extra().addStep(p)
	default:
		panic("BUG: rollup: fold of an unknown kind")
	}
	if p.Times != 0 {
		a.Count += p.Times
		return
	}
	a.Count++
}

// Merge adds b to a: afterwards a is the bucket of the events of both. b is unchanged and shares no
// mutable memory with a; it must not be a itself. Merge is associative and commutative, with the
// zero Agg as zero. It panics on an unknown kind, and for kind weighted on a bucket that is coarser
// than a minute: those follow from the minutes (see [Ladder.Rewrite]).
func (a *Agg) Merge(k Kind, b *Agg) {
	if b.Empty(k) {
		return
	}
	switch k {
	case KindSum, KindAvg:
		a.Value += b.Value
	case KindCount:
	case KindMin:
		if a.Count == 0 || b.Value < a.Value {
			a.Value = b.Value
		}
	case KindMax:
		if a.Count == 0 || b.Value > a.Value {
			a.Value = b.Value
		}
	case KindLatest:
		if a.Latest == nil {
			a.Latest = new(Latest)
		}
		a.Latest.merge(b.Latest)
	case KindUnique:
		switch {
		case b.Members == nil: // events of members that another bucket of the minute has
		case a.Members == nil:
			a.Members = b.Members.Clone()
		default:
			a.Members.Or(b.Members)
		}
	case KindPercentile:
		e := a.extra()
		e.Bins = mergeBins(e.Bins, b.Extra.Bins)
	case KindWeighted:
		if len(b.Extra.Steps) == 0 || a.Count > 0 && len(a.Extra.Steps) == 0 {
			panic("BUG: rollup: merge of a weighted bucket without its steps")
		}
		e := a.extra()
		e.Steps = mergeSteps(e.Steps, b.Extra.Steps)
	default:
		panic("BUG: rollup: merge of an unknown kind")
	}
	a.Count += b.Count
}

// absorb is Merge when b is scratch that nobody will read again: what a lacks is moved, not copied.
func (a *Agg) absorb(k Kind, b *Agg) {
	if k.heavy() && a.Empty(k) {
		*a, *b = *b, Agg{}
		return
	}
	a.Merge(k, b)
}

// Empty reports whether the bucket is the zero of its kind. A sum or average may have no events
// left and still hold an adjustment; a percentile, in a delta, an event more and another one less.
func (a *Agg) Empty(k Kind) bool {
	if a.Count != 0 {
		return false
	}
	switch k {
	case KindSum, KindAvg:
		return a.Value == 0
	case KindPercentile:
		return a.Extra == nil || len(a.Extra.Bins) == 0
	}
	return true
}

// clone returns a copy that shares no mutable memory.
func (a *Agg) clone() Agg {
	c := *a
	if a.Latest != nil {
		l := *a.Latest
		l.Adds = slices.Clone(l.Adds)
		c.Latest = &l
	}
	if a.Members != nil {
		c.Members = a.Members.Clone()
	}
	if a.Extra != nil {
		c.Extra = &Extra{Bins: slices.Clone(a.Extra.Bins), Steps: slices.Clone(a.Extra.Steps), Area: a.Extra.Area}
	}
	return c
}

func (a *Agg) extra() *Extra {
	if a.Extra == nil {
		a.Extra = new(Extra)
	}
	return a.Extra
}

// Has reports whether a bucket of kind unique holds a member.
func (a *Agg) Has(member uint32) bool { return a.Members != nil && a.Members.Contains(member) }

// EachMember calls fn for the members of a bucket of kind unique, ascending, until it returns an error, which is returned.
func (a *Agg) EachMember(fn func(member uint32) error) error {
	if a.Members == nil {
		return nil
	}
	return a.Members.Each(fn)
}
