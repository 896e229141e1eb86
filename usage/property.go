package usage

import "strings"

// A property path names a value of an event: user_id, source, feature_type, or a member of the
// metadata by its keys with dots between, such as metadata.model or metadata.http.status. A key
// with a dot in it cannot be named.

// The properties that are fields of the event.
const (
	PropertyUserID      = "user_id"
	PropertySource      = "source"
	PropertyFeatureType = "feature_type"
)

// metadataPrefix leads every property path into the metadata.
const metadataPrefix = "metadata."

// ValidProperty reports whether s is a property path: one of the fields, or "metadata." and 1 to
// [MetadataDepthMax] keys, at most [IdentifierBytesMax] bytes in all, without control characters.
func ValidProperty(s string) bool {
	switch s {
	case PropertyUserID, PropertySource, PropertyFeatureType:
		return true
	}
	if !ValidIdentifier(s) || !strings.HasPrefix(s, metadataPrefix) {
		return false
	}
	keys := strings.Split(s[len(metadataPrefix):], ".")
	for _, key := range keys {
		if key == "" {
			return false
		}
	}
	return len(keys) <= MetadataDepthMax
}

// MetadataPath returns the keys of a property path that leads into the metadata: "metadata.a.b"
// gives ["a", "b"]; ok is false for every other property.
func MetadataPath(property string) (keys []string, ok bool) {
	if !strings.HasPrefix(property, metadataPrefix) || !ValidProperty(property) {
		return nil, false
	}
	return strings.Split(property[len(metadataPrefix):], "."), true
}

// propertyError says how a property path is written.
func propertyError(pointer, s string) *Error {
	e := &Error{Code: CodeInvalidValue, Pointer: pointer}
	fields := []string{PropertyUserID, PropertySource, PropertyFeatureType}
	e.Detail = "property " + quoted(s) + " is unknown; use metadata.<key> (up to 4 keys with dots between), " +
		"user_id, source or feature_type"
	e.Detail += DidYouMean(s, fields)
	return e
}
