package strictjson

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is what sort of failure an [Error] is.
type Kind uint8

// The kinds. After Malformed and InvalidUTF8 the text is not JSON and there is nothing to go on
// with; the others leave well-formed JSON that is not what was asked for.
const (
	Malformed    Kind = iota + 1 // not JSON (RFC 8259)
	DuplicateKey                 // two members of one object have the same name after unescaping
	InvalidUTF8                  // a string is not UTF-8, or escapes half of a surrogate pair
	UnknownField                 // a member that the receiver does not know
	WrongType                    // another JSON type, or a value out of the receiver's range
	TooLarge                     // beyond a limit on size, members or depth
)

// String returns the name of the kind, in words.
func (k Kind) String() string {
	switch k {
	case Malformed:
		return "malformed JSON"
	case DuplicateKey:
		return "duplicate key"
	case InvalidUTF8:
		return "invalid UTF-8"
	case UnknownField:
		return "unknown field"
	case WrongType:
		return "wrong type"
	case TooLarge:
		return "too large"
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// Error is a text that was refused.
type Error struct {
	Kind    Kind
	Offset  int    // bytes from the start of the text to the place where it shows
	Pointer string // RFC 6901 pointer to the value that is wrong; "" for the whole text
	Detail  string // a sentence for whoever sent the text

	cause error // what the receiving type said, if it was that which refused
}

// Unwrap returns the error of the receiving type's own method, when that refused the value
// ([Unmarshal] only); its pointer, if it has one, is relative to Pointer.
func (e *Error) Unwrap() error { return e.cause }

// Error returns the kind, the place and the detail.
func (e *Error) Error() string {
	at := ""
	if e.Pointer != "" {
		at = " at " + e.Pointer
	}
	return fmt.Sprintf("%s%s, byte %d: %s", e.Kind, at, e.Offset, e.Detail)
}

// failure is an Error in the making: cheap to return from the scanners, without its pointer.
type failure struct {
	kind   Kind
	offset int
	detail string
}

// pointerEscaper writes a member name as a token of a JSON pointer (RFC 6901, section 3).
var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

// tokenBytesMax bounds one token of a pointer: a name of a megabyte helps nobody.
const tokenBytesMax = 128

// pointerToken returns a raw member name, the bytes between its quotes, as "/" and a token.
func pointerToken(raw []byte) string {
	name := string(appendUnescaped(nil, raw[:min(len(raw), 6*tokenBytesMax)]))
	if len(name) > tokenBytesMax {
		name = strings.ToValidUTF8(name[:tokenBytesMax], "") + "..."
	}
	return "/" + pointerEscaper.Replace(name)
}

// shown quotes the byte at i for a message, or says that the text ends there.
func shown(src []byte, i int) string {
	if i >= len(src) {
		return "the text ends"
	}
	if c := src[i]; c >= 0x80 {
		return fmt.Sprintf("byte %#02x", c)
	}
	return "found " + strconv.QuoteRune(rune(src[i]))
}
