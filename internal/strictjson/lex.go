package strictjson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// The tokens of JSON (RFC 8259). The functions here find where a token ends and say whether it
// is well-formed; why it is not is worked out in a second look, off the fast path.

// The same byte eight times.
const (
	ones        = 0x0101010101010101
	quotes      = '"' * ones
	backslashes = '\\' * ones
	spaces      = 0x20 * ones
	highs       = 0x80 * ones
)

// skipSpace returns the first index from i on that is not white space.
func skipSpace(src []byte, i int) int {
	for i < len(src) && (src[i] == ' ' || src[i] == '\n' || src[i] == '\t' || src[i] == '\r') {
		i++
	}
	return i
}

// special has the high bit of the first byte of w set that is a quote, a backslash, a control
// character or not ASCII; bits of later bytes may be set in error. After Mycroft's null-byte test:
// in a byte below 0x80, x-1 has the high bit set only for x = 0, and x-0x20 only for x < 0x20.
func special(w uint64) uint64 {
	return (((w ^ quotes) - ones) | ((w ^ backslashes) - ones) | (w - spaces) | w) & highs
}

// scanString returns the index of the quote that closes the string whose content begins at i,
// and whether there are escapes in it. It is -1 when the string is not well-formed UTF-8 or has
// no end. It reads eight bytes at once until one of them needs a look.
func scanString(src []byte, i int) (end int, escaped bool) {
	for {
		for i+8 <= len(src) {
			m := special(binary.LittleEndian.Uint64(src[i:]))
			if m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i >= len(src) {
			return -1, false
		}
		switch c := src[i]; {
		case c == '"':
			return i, escaped
		case c == '\\':
			size := escapeSize(src, i)
			if size == 0 {
				return -1, false
			}
			i += size
			escaped = true
		case c < 0x20:
			return -1, false
		case c < utf8.RuneSelf:
			i++ // one of the last seven bytes of src
		default:
			r, size := utf8.DecodeRune(src[i:])
			if r == utf8.RuneError && size == 1 {
				return -1, false
			}
			i += size
		}
	}
}

// escapeSize returns the length of the escape at src[i], a backslash: 2, 6, or 12 for a surrogate
// pair. It is 0 when the escape is malformed or half a pair.
func escapeSize(src []byte, i int) int {
	if i+1 >= len(src) {
		return 0
	}
	switch src[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		r := hex4(src, i+2)
		switch {
		case r < 0:
			return 0
		case !utf16.IsSurrogate(r):
			return 6
		case i+7 < len(src) && src[i+6] == '\\' && src[i+7] == 'u' &&
			utf16.DecodeRune(r, hex4(src, i+8)) != utf8.RuneError:
			return 12
		}
	}
	return 0
}

// hex4 returns the value of the four hexadecimal digits at src[i:], -1 when they are not.
func hex4(src []byte, i int) rune {
	if i+4 > len(src) {
		return -1
	}
	var r rune
	for _, c := range src[i : i+4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case (c|0x20)-'a' <= 5:
			c = (c | 0x20) - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// stringFailure says why scanString refused the string whose content begins at i.
func stringFailure(src []byte, i int) failure {
	for i < len(src) {
		switch c := src[i]; {
		case c == '\\':
			size := escapeSize(src, i)
			if size > 0 {
				i += size
				continue
			}
			if i+2 < len(src) && src[i+1] == 'u' && hex4(src, i+2) >= 0 {
				return failure{InvalidUTF8, i, "half of a surrogate pair is escaped here; a string must be UTF-8"}
			}
			return failure{Malformed, i, `an escape must be one of \" \\ \/ \b \f \n \r \t \uXXXX`}
		case c < 0x20:
			return failure{Malformed, i, "a control character in a string must be escaped"}
		case c < utf8.RuneSelf:
			i++
		default:
			r, size := utf8.DecodeRune(src[i:])
			if r == utf8.RuneError && size == 1 {
				return failure{InvalidUTF8, i, "a string must be UTF-8"}
			}
			i += size
		}
	}
	return failure{Malformed, len(src), "the text ends inside a string"}
}

// scanNumber returns the index behind the number at src[i], which is a digit or a minus sign, or
// -1 when the grammar forbids it. It stops at the first byte that cannot belong to the number.
func scanNumber(src []byte, i int) int {
	if i < len(src) && src[i] == '-' {
		i++
	}
	switch {
	case i >= len(src) || src[i]-'0' > 9:
		return -1
	case src[i] == '0':
		i++
		if i < len(src) && src[i]-'0' <= 9 {
			return -1
		}
	default:
		i = skipDigits(src, i)
	}
	if i < len(src) && src[i] == '.' {
		start := i + 1
		if i = skipDigits(src, start); i == start {
			return -1
		}
	}
	if i < len(src) && src[i]|0x20 == 'e' {
		i++
		if i < len(src) && (src[i] == '+' || src[i] == '-') {
			i++
		}
		start := i
		if i = skipDigits(src, start); i == start {
			return -1
		}
	}
	return i
}

func skipDigits(src []byte, i int) int {
	for i < len(src) && src[i]-'0' <= 9 {
		i++
	}
	return i
}

// scanLiteral returns the index behind the true, false or null at src[i], or -1.
func scanLiteral(src []byte, i int) int {
	for _, word := range [...]string{"true", "false", "null"} {
		if len(src)-i >= len(word) && string(src[i:i+len(word)]) == word {
			return i + len(word)
		}
	}
	return -1
}

// appendUnescaped appends the content of a string, raw being the bytes between its quotes. Raw is
// well-formed; a cut-off escape at its end is left out.
func appendUnescaped(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		c := raw[i]
		if c != '\\' {
			start := i
			for i < len(raw) && raw[i] != '\\' {
				i++
			}
			dst = append(dst, raw[start:i]...)
			continue
		}
		size := escapeSize(raw, i)
		switch size {
		case 0:
			return dst
		case 2:
			dst = append(dst, unescaped(raw[i+1]))
		case 6:
			dst = utf8.AppendRune(dst, hex4(raw, i+2))
		case 12:
			dst = utf8.AppendRune(dst, utf16.DecodeRune(hex4(raw, i+2), hex4(raw, i+8)))
		}
		i += size
	}
	return dst
}

// unescaped returns what a backslash and c stand for.
func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}
