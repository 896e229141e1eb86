package rollup

import "github.com/RoaringBitmap/roaring/v2"

// Point is one event as a meter sees it. The strings may alias a buffer of the caller: what is kept
// is copied.
type Point struct {
	TimeNanos int64  // event time, unix nanoseconds
	Value     int64  // in units of 10^-scale of the meter
	Member    uint32 // kind unique: dense number of the user or unique value
	Add       bool   // kind latest: the value is added to the one before, not set
	Source    string // with ID the identity of the event; orders events of one instant
	ID        string
}

// Agg is what a bucket knows about its events. Only the fields of its kind are used:
//
//	sum, avg   Count, Sum
//	count      Count
//	min, max   Count and Min or Max (undefined while Count is 0)
//	latest     Count, Latest
//	unique     Count, Members (nil: events only of members that an older part of the same bucket has)
//
// The zero Agg holds no events. Count is the number of events, for every kind. An Agg does not know
// its kind: that is a fact of the series, and a byte here would cost eight.
type Agg struct {
	Count, Sum, Min, Max int64
	Latest               *Latest
	Members              *roaring.Bitmap
}

// Fold adds one event. Precondition: the sum of absolute values of the series fits int64 (see the
// package comment). It does not allocate for kinds without members or entries; unique and latest
// allocate when their set grows. It panics on an unknown kind.
func (a *Agg) Fold(k Kind, p *Point) {
	switch k {
	case KindSum, KindAvg:
		a.Sum += p.Value
	case KindCount:
	case KindMin:
		if a.Count == 0 || p.Value < a.Min {
			a.Min = p.Value
		}
	case KindMax:
		if a.Count == 0 || p.Value > a.Max {
			a.Max = p.Value
		}
	case KindLatest:
		if a.Latest == nil {
			a.Latest = new(Latest)
		}
		a.Latest.fold(p)
	case KindUnique:
		if a.Members == nil {
			a.Members = roaring.New()
		}
		a.Members.Add(p.Member)
	default:
		panic("BUG: rollup: fold of an unknown kind")
	}
	a.Count++
}

// Merge adds b to a: afterwards a is the bucket of the events of both. b is unchanged and shares no
// mutable memory with a; it must not be a itself. Merge is associative and commutative, with the
// zero Agg as zero. It panics on an unknown kind.
func (a *Agg) Merge(k Kind, b *Agg) {
	if b.Count == 0 {
		return
	}
	switch k {
	case KindSum, KindAvg:
		a.Sum += b.Sum
	case KindCount:
	case KindMin:
		if a.Count == 0 || b.Min < a.Min {
			a.Min = b.Min
		}
	case KindMax:
		if a.Count == 0 || b.Max > a.Max {
			a.Max = b.Max
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
	default:
		panic("BUG: rollup: merge of an unknown kind")
	}
	a.Count += b.Count
}

// absorb is Merge when b is scratch that nobody will read again: what a lacks is moved, not copied.
func (a *Agg) absorb(k Kind, b *Agg) {
	if a.Count == 0 && (k == KindLatest || k == KindUnique) {
		*a, *b = *b, Agg{}
		return
	}
	a.Merge(k, b)
}
