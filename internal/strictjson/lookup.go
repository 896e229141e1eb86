package strictjson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Lookup returns the text of the member that path leads to, a name for each level of nested
// objects; ok is false when there is none, or something on the way is not an object. An empty
// path is the whole text without the white space around it.
//
// src must have been checked before ([Scanner.Object], [Parser.Raw]); of another text any part
// may be returned, but nothing outside of it is read. One pass up to the member, no allocation.
// The result is a part of src.
func Lookup(src []byte, path []string) (raw []byte, ok bool) {
	i := skipSpace(src, 0)
	for _, name := range path {
		if i = findMember(src, i, name); i < 0 {
			return nil, false
		}
	}
	end := skipChecked(src, i)
	if end < 0 {
		return nil, false
	}
	return src[i:end:end], true
}

// findMember returns the index of the value of the member of the object at i, or -1.
func findMember(src []byte, i int, name string) int {
	if i >= len(src) || src[i] != '{' {
		return -1
	}
	for {
		if i = skipSpace(src, i+1); i >= len(src) || src[i] != '"' {
			return -1
		}
		start := i + 1
		end := closingQuote(src, start)
		if end < 0 {
			return -1
		}
		if i = skipSpace(src, end+1); i >= len(src) || src[i] != ':' {
			return -1
		}
		i = skipSpace(src, i+1)
		if equalName(src[start:end], name) {
			return i
		}
		if i = skipChecked(src, i); i < 0 {
			return -1
		}
		if i = skipSpace(src, i); i >= len(src) || src[i] != ',' {
			return -1
		}
	}
}

// skipChecked returns the index behind the checked value at i, or -1 when the text ends before.
// Strings are stepped over, brackets are counted, and nothing else matters.
func skipChecked(src []byte, i int) int {
	depth := 0
	for i < len(src) {
		switch src[i] {
		case '"':
			end := closingQuote(src, i+1)
			if end < 0 {
				return -1
			}
			if i = end + 1; depth == 0 {
				return i
			}
		case '{', '[':
			depth++
			i++
		case '}', ']':
			if depth == 0 {
				return -1
			}
			depth--
			if i++; depth == 0 {
				return i
			}
		default:
			if depth == 0 {
				return scalarEnd(src, i)
			}
			i++
		}
	}
	return -1
}

// scalarEnd returns the index behind the number or literal at i, -1 when there is none.
func scalarEnd(src []byte, i int) int {
	start := i
	for i < len(src) && src[i] > ' ' && src[i] != ',' && src[i] != ']' && src[i] != '}' {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

// closingQuote returns the index of the quote that closes the checked string whose content begins
// at i, or -1.
func closingQuote(src []byte, i int) int {
	for i < len(src) {
		for i+8 <= len(src) {
			w := binary.LittleEndian.Uint64(src[i:])
			q, b := w^quotes, w^backslashes
			// Mycroft's test in full, as bytes beyond ASCII do not matter here.
			if m := ((q-ones)&^q | (b-ones)&^b) & highs; m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i >= len(src) {
			break
		}
		switch src[i] {
		case '"':
			return i
		case '\\':
			i += 2
		default:
			i++
		}
	}
	return -1
}

// equalName reports whether a raw member name, the bytes between its quotes, is name.
func equalName(raw []byte, name string) bool {
	if len(raw) < len(name) {
		return false // an escape is never shorter than what it stands for
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] == '\\' {
			return equalEscaped(raw, name)
		}
	}
	return string(raw) == name
}

// equalEscaped compares piece by piece, so that nothing is allocated.
func equalEscaped(raw []byte, name string) bool {
	var buf [utf8.UTFMax]byte
	for i := 0; i < len(raw); {
		piece, size := raw[i:i+1], 1
		if raw[i] == '\\' {
			if size = escapeSize(raw, i); size == 0 {
				return false
			}
			piece = appendUnescaped(buf[:0], raw[i:i+size])
		}
		if len(name) < len(piece) || name[:len(piece)] != string(piece) {
			return false
		}
		name = name[len(piece):]
		i += size
	}
	return name == ""
}

// Unquote returns the content of a JSON string, raw being its text with the quotes, as [Lookup]
// returns it. Anything but one well-formed string is an [*Error].
func Unquote(raw []byte) (string, error) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", &Error{Kind: WrongType, Detail: "this must be a string"}
	}
	end, escaped := scanString(raw, 1)
	if end < 0 {
		f := stringFailure(raw, 1)
		return "", &Error{Kind: f.kind, Offset: f.offset, Detail: f.detail}
	}
	if end+1 != len(raw) {
		return "", &Error{Kind: Malformed, Offset: end + 1,
			Detail: "there must be nothing behind the string; " + shown(raw, end+1)}
	}
	if !escaped {
		return string(raw[1:end]), nil
	}
	return string(appendUnescaped(make([]byte, 0, end), raw[1:end])), nil
}
