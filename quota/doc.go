// Package quota decides. From a policy, what was used and is reserved, a cost and a log time it says allow, warn, throttle,
// overage or block, in integers, the same on every machine.
//
//	p, err := quota.Compile(q, quota.Meter{Slug: "api_calls", Aggregation: usage.Sum, Scale: 0})
//	v := p.Judge(quota.Level{Used: 812, End: resetNanos}, 1, nowNanos)
//	if v.Allowed { ... }
//
// # Guarantees
//
// Everything is a pure function of its arguments: no clock, no floats, no allocation in [Policy.Judge]. Products that may
// pass 64 bits are computed in 128. The decision table is that of the semantics, row by row; see judge.go.
//
// A [Bucket] never admits more than burst + rate x time, and never refuses a caller at its rate. A [Sliding] window never
// holds more than its limit in any span of its length, and refuses at most what 60 sub-windows round away.
//
// # Concurrency
//
// A [Policy] is immutable. [Bucket] is a value. A [Sliding] belongs to whoever writes it.
//
// # Limits
//
// The package keeps no state of its own and knows no tenants, meters in use, or log. Period boundaries are those of
// internal/civil. It decides about one quota at a time; the caller combines several with
// [Severer] and [Standing.Binds].
package quota
