// Package usage is the vocabulary of weir: events, meters, plans with their quotas, tenants, requests,
// queries and the answers to them, exact decimals, error codes, and the checks that need nothing
// but the value itself.
//
// Every other package speaks these words; this one imports the standard library only, does no
// I/O, reads no clock and keeps no state.
//
// # Usage
//
//	quantity, err := usage.ParseDecimal("12.50") // exactly 12.5
//	ev := usage.Event{
//		ID:          "01926f6e-7a9c-7cc0-8d7e-1f2a3b4c5d6e",
//		TenantID:    "acme",
//		FeatureType: "api_calls",
//		Quantity:    quantity,
//	}
//	if err := ev.Validate(); err != nil {
//		log.Print(usage.Code(err), " ", err) // missing_field /tenant_id: ...
//	}
//
// # Guarantees
//
// Numbers are never rounded, wrapped or turned into floats: a [Decimal] that cannot be held
// exactly is an error. Absent is not zero: `Decimal{}` and `time.Time{}` mean that the client sent
// nothing, and [Event.AppendPayload] tells the two apart for ever, as do the payloads of the other
// operations. Where null is a third thing (the limit of a [Quota], the members of a [QuotaPatch]) it
// is kept, as a [Number] or as JSON.
//
// A refusal is an [*Error]: a code to branch on ([Code], or errors.Is with a sentinel), the
// field as an RFC 6901 pointer, and a sentence that names the value and the fix.
//
// The JSON form of every type is that of the HTTP API: quantities are numbers written exactly,
// times RFC 3339 in UTC.
//
// # Concurrency
//
// All types are plain values. Their methods are safe for concurrent use as long as nobody writes
// the value; they block on nothing. Those on the path of every event ([Event.Validate],
// [Event.AppendPayload], [ParseDecimalBytes], [Decimal.Units]) do not allocate unless they fail.
//
// # Limits
//
// Every bound on a value that a client sends is a constant of this package, with its derivation: see
// limits.go.
//
// # Refusals
//
// It parses no request bodies (internal/strictjson does), knows no meter that exists, and decides
// nothing: whether a quota allows a request is for package quota.
package usage
