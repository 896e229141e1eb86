package httpapi

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/weirhq/weir/rollup/forecast"
	"github.com/weirhq/weir/usage"
)

// forecastBody is where a meter of a tenant is heading. Without a forecast (confidence none) note says why, and every estimate
// is null.
type forecastBody struct {
	Meter          string          `json:"meter"`
	Unit           string          `json:"unit"`
	Quota          *string         `json:"quota"` // whose period and limit it is; null: the billing period, without a limit
	Limit          usage.Decimal   `json:"limit"`
	Period         usage.Interval  `json:"period"`
	Used           usage.Decimal   `json:"used"` // exact: it is no estimate
	ProjectedTotal *estimate       `json:"projected_total"`
	LikelyOverage  *estimate       `json:"likely_overage"`
	CrossesLimitAt *time.Time      `json:"crosses_limit_at"`
	Confidence     string          `json:"confidence"`
	DailyRate      *estimate       `json:"daily_rate"`
	Band           *[2]estimate    `json:"band"`
	Note           *string         `json:"note"`
	Series         []forecastPoint `json:"series"`
}

type forecastPoint struct {
	Start      time.Time   `json:"start"`
	Value      estimate    `json:"value"`
	Cumulative estimate    `json:"cumulative"`
	Band       [2]estimate `json:"band"`
}

// estimate is a number that was estimated: it has no more decimals than the meter, and one place more for rates.
type estimate struct {
	value    float64
	decimals int
}

// MarshalJSON writes the number.
func (e estimate) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, e.value, 'f', e.decimals, 64), nil
}

func (c *call) getForecast() {
	v, err := c.query("meter")
	if err != nil {
		c.writeError(err)
		return
	}
	if v.Get("meter") == "" {
		c.writeError(refuse(usage.CodeMissingField, "/meter", "name a meter: ?meter=<slug>; GET /v1/meters lists them"))
		return
	}
	st, err := c.eng.Tenant(c.slug)
	if err != nil {
		c.writeError(err)
		return
	}
	m, err := c.addingMeter(v.Get("meter"))
	if err != nil {
		c.writeError(err)
		return
	}
	target, err := c.forecastTarget(c.slug, m.Meter.Slug)
	if err != nil {
		c.writeError(err)
		return
	}
	r, err := c.forecast(st.Tenant, m.Meter.Slug, target)
	if err != nil {
		c.writeError(err)
		return
	}
	used, err := c.usedSoFar(c.slug, m.Meter.Slug, target)
	if err != nil {
		c.writeError(err)
		return
	}
	c.w.Header().Set("Cache-Control", "no-store")
	c.marshal(http.StatusOK, bodyOf(&m.Meter, target, used, &r))
}

// addingMeter finds a meter whose values add up over time: a forecast of a level, such as seats, would mean nothing.
func (c *call) addingMeter(slug string) (usage.MeterState, error) {
	m, ok := c.eng.Meter(slug)
	if !ok {
		return m, c.noMeter("/meter", slug)
	}
	if !adds(m.Meter.Aggregation) {
		return m, refuse(usage.CodeInvalidValue, "/meter", fmt.Sprintf("meter %s is %s; only sum and count meters are forecast, as their values add up", slug, m.Meter.Aggregation))
	}
	return m, nil
}

func adds(a usage.Aggregation) bool { return a == usage.Sum || a == usage.Count }

// forecastTarget is the period that a forecast is of, and the quota that it belongs to.
type forecastTarget struct {
	quota  *usage.QuotaStatus // nil: none has a limit in a period that ends
	period usage.Interval
	now    time.Time
}

// forecastTarget finds the quota on a meter that runs longest, as that is the one to plan by; without one the billing period.
func (c *call) forecastTarget(tenant, meter string) (t forecastTarget, err error) {
	periods, now, err := c.eng.BillingPeriods(tenant, 0)
	if err != nil {
		return t, err
	}
	t.period, t.now = periods[0], now
	quotas, err := c.eng.Quotas(tenant, "")
	if err != nil {
		return t, err
	}
	for i := range quotas {
		q := &quotas[i]
		if q.Meter != meter || !q.Limit.IsSet() || !forecastable(q) || q.Mode == usage.ModeShadow {
			continue
		}
		if t.quota == nil || q.ResetAt.Sub(*q.PeriodStart) > t.quota.ResetAt.Sub(*t.quota.PeriodStart) {
			t.quota = q
			t.period = usage.Interval{Start: *q.PeriodStart, End: *q.ResetAt}
		}
	}
	return t, nil
}

// forecastable tells whether a quota counts over a period that starts and ends, and is long enough to say something about.
func forecastable(q *usage.QuotaStatus) bool {
	switch q.Period {
	case usage.PeriodDay, usage.PeriodWeek, usage.PeriodMonth, usage.PeriodQuarter, usage.PeriodYear, usage.PeriodBilling:
		return q.PeriodStart != nil && q.ResetAt != nil
	}
	return false
}

// forecast reads what was used by the hour and projects it to the end of the period.
func (c *call) forecast(t usage.Tenant, meter string, target forecastTarget) (forecast.Result, error) {
	from := target.now.Add(-forecastHistory)
	if target.period.Start.Before(from) {
		from = target.period.Start
	}
	rows, err := c.eng.Usage(c.r.Context(), usage.Query{Meter: meter, TenantID: t.ID, TimeZone: t.TimeZone,
		From: from.Truncate(time.Hour), To: target.now.Truncate(time.Hour).Add(time.Hour), Window: usage.WindowHour})
	if err != nil {
		return forecast.Result{}, err
	}
	q := forecast.Query{Step: time.Hour, PeriodStart: target.period.Start, Now: target.now, PeriodEnd: target.period.End}
	if target.quota != nil {
		q.Limit = new(floatOf(target.quota.Limit))
	}
	return forecast.Forecast(pointsOf(rows.Data), q), nil
}

// usedSoFar is what was used of a meter in the period of a target, as its quota has it.
func (c *call) usedSoFar(tenant, meter string, t forecastTarget) (usage.Decimal, error) {
	if t.quota != nil {
		return t.quota.Used, nil
	}
	rows, err := c.eng.Usage(c.r.Context(), usage.Query{Meter: meter, TenantID: tenant, From: t.period.Start, To: t.period.End})
	if err != nil || len(rows.Data) == 0 || !rows.Data[0].Value.IsSet() {
		return usage.Int(0), err
	}
	return rows.Data[0].Value, nil
}

// crossesAt is when a quota that is not over yet is likely to be.
func (c *call) crossesAt(tenant string, q *usage.QuotaStatus, now time.Time) (*time.Time, error) {
	m, ok := c.eng.Meter(q.Meter)
	if !ok || !adds(m.Meter.Aggregation) || !forecastable(q) {
		return nil, nil
	}
	st, err := c.eng.Tenant(tenant)
	if err != nil {
		return nil, nil // it was deleted meanwhile
	}
	r, err := c.forecast(st.Tenant, q.Meter, forecastTarget{q, usage.Interval{Start: *q.PeriodStart, End: *q.ResetAt}, now})
	if err != nil {
		return nil, err
	}
	return optionalTime(r.CrossesLimitAt), nil
}

func pointsOf(rows []usage.Row) []forecast.Point {
	points := make([]forecast.Point, 0, len(rows))
	for _, row := range rows {
		points = append(points, forecast.Point{Start: row.WindowStart, Value: floatOf(row.Value)})
	}
	return points
}

// floatOf is a quantity as an estimate may use it.
func floatOf(d usage.Decimal) float64 {
	coef, scale := d.Parts()
	return float64(coef) / math.Pow10(int(scale))
}

func bodyOf(m *usage.Meter, target forecastTarget, used usage.Decimal, r *forecast.Result) forecastBody {
	scale := 0
	if m.Scale != nil {
		scale = *m.Scale
	}
	in := func(x float64) estimate { return estimate{x, scale} }
	b := forecastBody{Meter: m.Slug, Unit: m.Unit, Period: usage.Interval{Start: target.period.Start.UTC(), End: target.period.End.UTC()},
		Used: used, CrossesLimitAt: optionalTime(r.CrossesLimitAt), Confidence: string(r.Confidence), Series: []forecastPoint{}}
	if target.quota != nil {
		b.Quota, b.Limit = &target.quota.Quota, target.quota.Limit
	}
	if r.Confidence == forecast.None {
		b.Note = &r.Note
		return b
	}
	b.ProjectedTotal, b.LikelyOverage = new(in(r.ProjectedTotal)), new(in(r.LikelyOverage))
	b.DailyRate, b.Band = &estimate{r.DailyRate, scale + 1}, &[2]estimate{in(r.Band[0]), in(r.Band[1])}
	for _, p := range r.Series {
		b.Series = append(b.Series, forecastPoint{p.Start.UTC(), in(p.Value), in(p.Cumulative), [2]estimate{in(p.Band[0]), in(p.Band[1])}})
	}
	return b
}
