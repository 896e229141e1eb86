package usage

import "errors"

// ErrorCode is the stable, machine-readable name of a failure. Adapters map it to a status
// in one table; callers branch on it with [Code].
type ErrorCode string

// The codes, in the order of the statuses they map to (400 to 507). They never change their
// meaning; new ones may be added.
const (
	CodeMalformedJSON    ErrorCode = "malformed_json"         // the text is not JSON
	CodeDuplicateKey     ErrorCode = "duplicate_key"          // an object has a member twice
	CodeInvalidUTF8      ErrorCode = "invalid_utf8"           // a text is not UTF-8
	CodeUnknownField     ErrorCode = "unknown_field"          // a member that the receiver does not know
	CodeWrongType        ErrorCode = "wrong_type"             // a value of another JSON type
	CodeInvalidCursor    ErrorCode = "invalid_cursor"         // a cursor that no answer gave out
	CodeUnauthorized     ErrorCode = "unauthorized"           // no key, or an unknown one
	CodeForbidden        ErrorCode = "forbidden"              // the key may not do this, or not for this tenant
	CodeNotFound         ErrorCode = "not_found"              // there is no such resource
	CodeMethodNotAllowed ErrorCode = "method_not_allowed"     // the resource does not take this method
	CodeConflict         ErrorCode = "conflict"               // the id is used by another payload
	CodeInUse            ErrorCode = "in_use"                 // something still needs what is to be deleted
	CodeMeterImmutable   ErrorCode = "meter_immutable"        // only name and unit of a meter may change
	CodeCommitted        ErrorCode = "reservation_committed"  // the reservation is settled already
	CodeReleased         ErrorCode = "reservation_released"   // the reservation was given back
	CodeExpired          ErrorCode = "reservation_expired"    // the reservation ran out
	CodePrecondition     ErrorCode = "precondition_failed"    // If-Match or If-None-Match does not hold
	CodeTooLarge         ErrorCode = "too_large"              // beyond a bound on size or count
	CodeUnsupportedMedia ErrorCode = "unsupported_media_type" // a content type or encoding that is not taken
	CodeMissingField     ErrorCode = "missing_field"          // a field that must be there is absent
	CodeInvalidValue     ErrorCode = "invalid_value"          // a value that its field cannot have
	CodeNegativeQuantity ErrorCode = "negative_quantity"      // only latest and weighted_sum meters take less than zero
	CodeTooManyDecimals  ErrorCode = "too_many_decimals"      // more decimals than are kept; never rounded
	CodeOverflow         ErrorCode = "overflow"               // the number, or the total with it, does not fit an int64
	CodeUnknownFeature   ErrorCode = "unknown_feature"        // no meter counts the feature_type
	CodeUnknownTenant    ErrorCode = "unknown_tenant"         // unknown tenants are refused by the settings
	CodeUnknownPlan      ErrorCode = "unknown_plan"           // there is no such plan
	CodeUserRequired     ErrorCode = "user_id_required"       // a quota is for each user, and none is named
	CodeEventTooOld      ErrorCode = "event_too_old"          // the timestamp is before the accepted age
	CodeEventInFuture    ErrorCode = "event_in_future"        // the timestamp is too far ahead of log time
	CodeEventArchived    ErrorCode = "event_archived"         // the raw event is no longer kept
	CodeCardinalityLimit ErrorCode = "cardinality_limit"      // too many distinct users or values
	CodeResolution       ErrorCode = "resolution_unavailable" // finer than what is still kept; never an estimate
	CodeQuotaExceeded    ErrorCode = "quota_exceeded"         // denied, where the caller asked for a status
	CodeRateLimited      ErrorCode = "rate_limited"           // weir protects itself; retry later
	CodeOverloaded       ErrorCode = "overloaded"             // too much is waiting; retry later
	CodeOutcomeUnknown   ErrorCode = "outcome_unknown"        // done or not done; retry with the same id
	CodeClock            ErrorCode = "clock"                  // the wall clock disagrees with the log
	CodeMemoryLimit      ErrorCode = "memory_limit"           // the memory bound is reached
	CodeDraining         ErrorCode = "draining"               // closing, or closed
	CodeFailed           ErrorCode = "failed"                 // poisoned; only a restart helps
	CodeDiskFull         ErrorCode = "disk_full"              // writes are refused before the disk is full
)

// Error is a refusal that a caller can act on: a code to branch on, the field that is wrong
// as a JSON pointer ("" for the whole), and a sentence that names the value and the fix.
type Error struct {
	Code    ErrorCode
	Pointer string
	Detail  string
}

// Error returns the detail, led by the field when there is one.
func (e *Error) Error() string {
	if e.Pointer == "" {
		return e.Detail
	}
	return e.Pointer + ": " + e.Detail
}

// Is reports whether target is an *Error of the same code, so that errors.Is(err, ErrConflict)
// holds for every conflict whatever its words.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Sentinels for errors.Is. They match every *Error of their code.
var (
	ErrConflict       error = &Error{Code: CodeConflict, Detail: "the id is used by another payload; use another id"}
	ErrUnknownOutcome error = &Error{Code: CodeOutcomeUnknown, Detail: "the outcome is unknown; retry with the same id"}
	ErrFailed         error = &Error{Code: CodeFailed, Detail: "the engine has failed and must be restarted"}
	ErrClosed         error = &Error{Code: CodeDraining, Detail: "the engine is closed"}
	ErrDiskFull       error = &Error{Code: CodeDiskFull, Detail: "the disk is almost full; free some space"}
	ErrOverloaded     error = &Error{Code: CodeOverloaded, Detail: "too much is waiting; retry later"}
	ErrClock          error = &Error{Code: CodeClock, Detail: "the wall clock disagrees with the log; set it right, or open the store with AcceptClock"}
)

// Code returns the code of the first *Error in err's chain, or "" when there is none.
func Code(err error) ErrorCode {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
