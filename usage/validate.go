package usage

// Validate reports the first thing that is wrong with the event by itself: identifiers that are
// missing or malformed, an unknown op. What depends on a meter (scale, sign, value property), on
// log time (age) or on the JSON of the metadata is judged by the engine. A nil result means none
// of that; the event may still be refused.
//
// The error is an [*Error] with the field as pointer and [CodeMissingField], [CodeInvalidValue] or
// [CodeInvalidUTF8]. Safe for concurrent use; no allocation unless it fails.
func (e *Event) Validate() error {
	switch {
	case !ValidIdentifier(e.ID):
		return identifierError("id", e.ID)
	case !ValidIdentifier(e.TenantID):
		return identifierError("tenant_id", e.TenantID)
	case !ValidIdentifier(e.FeatureType):
		return identifierError("feature_type", e.FeatureType)
	case e.UserID != "" && !ValidIdentifier(e.UserID):
		return identifierError("user_id", e.UserID)
	case e.Source != "" && !ValidIdentifier(e.Source):
		return identifierError("source", e.Source)
	case e.Op != "" && e.Op != OpSet && e.Op != OpAdd:
		return &Error{Code: CodeInvalidValue, Pointer: "/op",
			Detail: "op " + quoted(e.Op) + ` is unknown; use "set" or "add", or leave it out`}
	}
	return nil
}
