package quota

import (
	"fmt"
	"math"

	"github.com/weirhq/weir/internal/civil"
	"github.com/weirhq/weir/usage"
)

// Unlimited is a limit or cap that nothing passes.
const Unlimited = math.MaxInt64

// never is a warning or throttling level that nothing passes.
const never = math.MaxInt64

// Meter is what a policy needs to know of the meter that it limits.
type Meter struct {
	Slug        string
	Aggregation usage.Aggregation
	Scale       int
}

// Policy is a quota in integers: amounts in units of 10^-Scale of its meter, times in nanoseconds. Immutable.
type Policy struct {
	Quota usage.Quota // with defaults
	Scale int

	UserScope bool
	Shadow    bool
	Latest    bool // the meter has a value now instead of a sum

	Limit    int64 // Unlimited, or units
	Cap      int64 // H: Limit and the overage
	warnAt   int64 // W
	slowAt   int64 // T
	plain    int64 // the least of L, W and T
	grace    int64 // nanoseconds; < 0: the whole period
	maxDelay int64 // nanoseconds

	// Of a rate quota: Limit is the burst.
	Rate *BucketRate

	Kind      PeriodKind
	Length    int64      // of sliding and first_use, nanoseconds
	Calendar  civil.Kind // of KindCalendar
	PeriodKey string     // identity of the period, for counters: "month", "sliding:1h", "rate"
}

// PeriodKind is how the periods of a policy come about.
type PeriodKind uint8

// The kinds of periods.
const (
	KindCalendar PeriodKind = iota + 1 // of civil time, in the tenant's zone
	KindBilling                        // of the tenant's billing anchor
	KindLifetime
	KindFirstUse
	KindSliding
	KindRate
)

var calendarKinds = map[string]civil.Kind{
	usage.PeriodMinute: civil.Minute, usage.PeriodHour: civil.Hour, usage.PeriodDay: civil.Day, usage.PeriodWeek: civil.Week,
	usage.PeriodMonth: civil.Month, usage.PeriodQuarter: civil.Quarter, usage.PeriodYear: civil.Year,
}

// Compile makes the policy of a quota on a meter. q is valid by itself. Errors are *usage.Error with a pointer relative to
// the quota: an aggregation that cannot be limited, a latest meter with a period, amounts with more decimals than the meter
// keeps or beyond an int64.
func Compile(q usage.Quota, m Meter) (*Policy, error) {
	q = q.WithDefaults()
	p := &Policy{Quota: q, Scale: m.Scale, UserScope: q.Scope == usage.ScopeUser, Shadow: q.Mode == usage.ModeShadow,
		Latest: m.Aggregation == usage.Latest, Limit: Unlimited, Cap: Unlimited, warnAt: never, slowAt: never, plain: never, grace: -1}
	switch m.Aggregation {
	case usage.Sum, usage.Count, usage.UniqueCount, usage.Max, usage.Latest:
	default:
		return nil, refuse("/meter", "meter %s is %s, which cannot be limited; use one of sum, count, unique_count, max, latest", m.Slug, m.Aggregation)
	}
	if err := p.setPeriod(&q); err != nil {
		return nil, err
	}
	if p.Latest && p.Kind != KindLifetime {
		return nil, refuse("/period", "meter %s has a value now, not an amount for each period; use period lifetime", m.Slug)
	}
	if p.Kind >= KindSliding && m.Aggregation != usage.Sum && m.Aggregation != usage.Count {
		return nil, refuse("/meter", "meter %s is %s; a rate or a sliding period limits sum and count meters only", m.Slug, m.Aggregation)
	}
	if q.Rate != nil {
		return p, p.setRate(q.Rate)
	}
	return p, p.setLimits(&q)
}

func (p *Policy) setPeriod(q *usage.Quota) error {
	p.PeriodKey = q.Period.String()
	switch {
	case q.Rate != nil:
		p.Kind, p.PeriodKey = KindRate, usage.PeriodRate
	case q.Period.Kind == usage.PeriodBilling:
		p.Kind = KindBilling
	case q.Period.Kind == usage.PeriodLifetime:
		p.Kind = KindLifetime
	case q.Period.Kind == usage.PeriodFirstUse:
		p.Kind, p.Length = KindFirstUse, int64(q.Period.Length)
	case q.Period.Kind == usage.PeriodSliding:
		p.Kind, p.Length = KindSliding, int64(q.Period.Length)
	default:
		kind, ok := calendarKinds[q.Period.Kind]
		if !ok {
			return refuse("/period", "period %q is unknown", q.Period.Kind)
		}
		p.Kind, p.Calendar = KindCalendar, kind
	}
	return nil
}

func (p *Policy) setRate(r *usage.Rate) error {
	limit, err := units(r.Limit, p.Scale, "/rate/limit")
	if err != nil {
		return err
	}
	burst, err := units(r.Burst, p.Scale, "/rate/burst")
	if err != nil {
		return err
	}
	p.Rate = &BucketRate{Limit: limit, Per: int64(r.Per), Burst: burst}
	p.Limit, p.Cap = burst, burst
	return p.Rate.check()
}

func (p *Policy) setLimits(q *usage.Quota) (err error) {
	if q.Limit.IsNull() {
		return nil
	}
	if p.Limit, err = units(q.Limit.Decimal(), p.Scale, "/limit"); err != nil {
		return err
	}
	switch {
	case q.Overage.Unlimited || q.Mode == usage.ModeSoft:
	case q.Overage.Units.IsSet():
		over, err := units(q.Overage.Units, p.Scale, "/overage")
		if err != nil {
			return err
		}
		if p.Cap = p.Limit + over; p.Cap < p.Limit {
			return &usage.Error{Code: usage.CodeOverflow, Pointer: "/overage", Detail: "limit and overage together do not fit"}
		}
	default:
		p.Cap = p.Limit
	}
	p.warnAt, p.slowAt = part(p.Limit, q.WarnAt), part(p.Limit, q.ThrottleAt)
	p.plain = min(p.Limit, p.warnAt, p.slowAt)
	if q.GracePeriod != nil && q.Mode != usage.ModeSoft {
		p.grace = int64(*q.GracePeriod)
	}
	p.maxDelay = int64(*q.MaxDelay)
	return nil
}

// part is floor(limit x ratio), or never.
func part(limit int64, ratio usage.Number) int64 {
	d := ratio.Decimal()
	if !d.IsSet() {
		return never
	}
	coef, scale := d.Parts()
	div := int64(1)
	for range scale {
		div *= 10
	}
	n, _ := mul(limit, coef).div(div)
	return n
}

func units(d usage.Decimal, scale int, pointer string) (int64, error) {
	n, err := d.Units(scale)
	if err != nil {
		return 0, &usage.Error{Code: usage.Code(err), Pointer: pointer, Detail: err.Error()}
	}
	if n > unitsMax {
		return 0, &usage.Error{Code: usage.CodeOverflow, Pointer: pointer, Detail: d.String() + " is more than the meter can count"}
	}
	return n, nil
}

// unitsMax bounds limits as the engine bounds totals, so that used + reserved + cost fits an int64.
const unitsMax = 1 << 61

func refuse(pointer, format string, args ...any) *usage.Error {
	return &usage.Error{Code: usage.CodeInvalidValue, Pointer: pointer, Detail: fmt.Sprintf(format, args...)}
}

// PeriodOf returns the period [start, end) in unix seconds that contains a unix second, of a calendar or lifetime policy; end is 0
// when it never ends. Billing periods are the tenant's.
func (p *Policy) PeriodOf(zone *civil.Table, unixSec int64) (start, end int64) {
	if p.Kind == KindCalendar {
		return zone.Bounds(p.Calendar, unixSec)
	}
	return 0, 0
}

// FromBuckets reports whether a counter of the policy is the sum of what its meter counted in the period, whatever the
// order of arrival; else it begins empty and counts in the order of the log.
func (p *Policy) FromBuckets() bool { return p.Kind <= KindLifetime && !p.UserScope }

// InCalendar reports whether the policy's periods are those of the calendar, which a user who was never seen is in too.
func (p *Policy) InCalendar() bool { return p.Kind == KindCalendar || p.Kind == KindBilling }
