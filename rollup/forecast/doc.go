// Package forecast says where the usage of a period is heading, and what could be done about it.
//
//	r := forecast.Forecast(hours, forecast.Query{
//		Step: time.Hour, PeriodStart: start, Now: now, PeriodEnd: end, Limit: &limit,
//	})
//	fmt.Println(r.ProjectedTotal, r.Band, r.CrossesLimitAt, r.Confidence)
//	for _, rec := range forecast.Recommend(input) { fmt.Println(rec.Reason) }
//
// # Guarantees
//
// Both are pure functions: no clock, no randomness, and the same answer for the same input in any
// order of points, plans or meters. A forecast is an estimate and nothing is decided by it: quotas,
// totals and invoices are integers and live elsewhere. This is the one place of the engine's
// family that uses floats, and package engine does not import it.
//
// # Method
//
// Usage is added up by UTC day. A line is fitted to the days by iteratively reweighted least
// squares with Huber's weights, so that a burst pulls it only as far as an ordinary bad day would,
// with recent days weighing more; from two full weeks on, each weekday has a factor. Within a day, use
// follows the median profile of the days seen. The slope counts as far as it is significant, and is
// damped. See fit.go and model.go. accuracy_test.go measures it against repeating the last day.
//
// # Limits
//
// Values are amounts that add up (sums, counts, unit-hours), not levels. Under three full points
// there is no forecast. Nothing knows holidays, or what the tenant plans.
package forecast
