package httpapi

// Appending JSON by hand: answers are small and fixed in shape, and their numbers must be
// written exactly.

import (
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/weirhq/weir/usage"
)

// buffer is a pooled byte slice. Holding the struct in the pool, not the slice, saves the
// allocation of the slice header at every Put.
type buffer struct{ b []byte }

var bufferPool = sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, 4096)} }}

func getBuffer() *buffer { return bufferPool.Get().(*buffer) }

func putBuffer(b *buffer) {
	if cap(b.b) <= pooledBytesMax {
		b.b = b.b[:0]
		bufferPool.Put(b)
	}
}

func appendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

func appendUint(dst []byte, n uint64) []byte { return strconv.AppendUint(dst, n, 10) }

// appendTime writes an instant as RFC 3339 in UTC with as many decimals as it has; the zero
// time is null.
func appendTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = t.UTC().AppendFormat(dst, time.RFC3339Nano)
	return append(dst, '"')
}

// appendDecimal writes a number exactly, absent as null. With asString it is a JSON string,
// for clients whose numbers end at 2^53.
func appendDecimal(dst []byte, d usage.Decimal, asString bool) []byte {
	if !d.IsSet() {
		return append(dst, "null"...)
	}
	if !asString {
		return d.AppendTo(dst)
	}
	dst = append(dst, '"')
	dst = d.AppendTo(dst)
	return append(dst, '"')
}

const hexDigits = "0123456789abcdef"

// appendString writes s as a JSON string. Broken UTF-8 becomes U+FFFD; '<', '>' and '&' are
// escaped so that an answer is harmless when a page embeds it.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' && c != 0x7f {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, s[start:i]...)
			dst = append(dst, `\ufffd`...)
			i++
			start = i
			continue
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
