package strictjson

// Span says where one scalar value stands in a text: src[Start:End].
//
// For a string these are the bytes between the quotes, escapes and all. For a number it is the
// whole number. Int is true only for a number that is written as strconv.FormatInt writes an
// int64, so that the text can be made again from the integer: no fraction, no exponent, no "-0".
// true, false and null have no span. Offsets are 16 bits because a text with spans is at most
// 65,535 bytes long, and a block holds thousands of spans.
type Span struct {
	Start, End uint16
	Int        bool
}
