package usage

import (
	"encoding"
	"encoding/json"
	"fmt"
	"strconv"
)

// The text form of a Decimal: the number grammar of JSON (RFC 8259, section 6) in, plain
// notation without an exponent out.

var (
	_ json.Marshaler           = Decimal{}
	_ json.Unmarshaler         = (*Decimal)(nil)
	_ encoding.TextMarshaler   = Decimal{}
	_ encoding.TextUnmarshaler = (*Decimal)(nil)
)

// ParseDecimal reads a number written as in JSON: "12", "-0.5", "1.50", "1e3". The value counts,
// not the spelling: "1.50", "1.5" and "15e-1" give equal Decimals.
//
// Errors are an [*Error] without a pointer: [CodeInvalidValue] for what is not a number (also
// "" and "NaN"), [CodeTooManyDecimals] for more than [DecimalScaleMax] decimals, [CodeOverflow]
// for more digits than an int64 holds. One pass over the text, whatever exponent it names; no
// allocation unless it fails.
func ParseDecimal(s string) (Decimal, error) {
	d, code := parseDecimal(s)
	if code != "" {
		return Decimal{}, decimalError(code, s)
	}
	return d, nil
}

// ParseDecimalBytes is [ParseDecimal] of a byte slice, which it does not keep.
func ParseDecimalBytes(b []byte) (Decimal, error) {
	d, code := parseDecimal(b)
	if code != "" {
		return Decimal{}, decimalError(code, string(b[:min(len(b), quotedBytesMax+1)]))
	}
	return d, nil
}

// exponentMax is where exponents stop growing while they are read. It is beyond the length of
// any text, so digits before the exponent cannot bring such a number back into range, and far
// from where an int would wrap.
const exponentMax = 1 << 40

// parseDecimal reads s in one pass. The digits go into coef but for zeros, which wait until a
// digit follows them; so coef never has a trailing zero and the scale comes out smallest.
func parseDecimal[T string | []byte](s T) (Decimal, ErrorCode) {
	i := 0
	negative := i < len(s) && s[i] == '-'
	if negative {
		i++
	}
	if i == len(s) || s[i]-'0' > 9 {
		return Decimal{}, CodeInvalidValue
	}
	if s[i] == '0' && i+1 < len(s) && s[i+1]-'0' <= 9 {
		return Decimal{}, CodeInvalidValue // JSON has no leading zeros
	}
	var (
		coef    uint64 // the significant digits so far
		digits  int    // how many they are; coef is meaningless beyond 19
		zeros   int    // zeros behind them that may or may not be significant
		point   = -1   // where the fraction begins
		exp     int
		started bool // a nonzero digit was seen
	)
	for ; i < len(s); i++ {
		c := s[i] - '0'
		switch {
		case c == 0:
			if started {
				zeros++
			}
		case c <= 9:
			started = true
			if digits += zeros + 1; digits <= 19 { // 10^19 - 1 fits a uint64
				for ; zeros > 0; zeros-- {
					coef *= 10
				}
				coef = coef*10 + uint64(c)
			}
			zeros = 0
		case s[i] == '.' && point < 0:
			if point = i + 1; point == len(s) || s[point]-'0' > 9 {
				return Decimal{}, CodeInvalidValue
			}
		case s[i] == 'e' || s[i] == 'E':
			var ok bool
			if exp, ok = parseExponent(s, i+1); !ok {
				return Decimal{}, CodeInvalidValue
			}
			if point >= 0 {
				exp -= i - point
			}
			return newDecimal(negative, coef, digits, exp+zeros)
		default:
			return Decimal{}, CodeInvalidValue
		}
	}
	if point >= 0 {
		exp = point - len(s)
	}
	return newDecimal(negative, coef, digits, exp+zeros)
}

// parseExponent reads what follows the 'e', to the end of s; beyond exponentMax it saturates.
func parseExponent[T string | []byte](s T, i int) (exp int, ok bool) {
	negative := false
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		negative = s[i] == '-'
		i++
	}
	if i == len(s) {
		return 0, false
	}
	for ; i < len(s); i++ {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		if exp = exp*10 + int(c); exp > exponentMax {
			exp = exponentMax
		}
	}
	if negative {
		exp = -exp
	}
	return exp, true
}

// newDecimal makes ±coef * 10^exp, coef having so many digits and no trailing zero.
func newDecimal(negative bool, coef uint64, digits, exp int) (Decimal, ErrorCode) {
	switch {
	case digits == 0:
		return Int(0), ""
	case digits+exp > 19: // more than 19 digits before the point
		return Decimal{}, CodeOverflow
	case -exp > DecimalScaleMax:
		return Decimal{}, CodeTooManyDecimals
	case digits > 19 && -exp > ScaleMax: // no meter keeps that many decimals anyway
		return Decimal{}, CodeTooManyDecimals
	case digits > 19:
		return Decimal{}, CodeOverflow
	}
	scale := 0
	if exp < 0 {
		scale = -exp
	} else {
		if exp > DecimalScaleMax {
			return Decimal{}, CodeOverflow
		}
		// digits+exp <= 19, so the product is below 10^19 and fits.
		coef *= pow10[exp]
	}
	n, ok := signed(negative, 0, coef)
	if !ok {
		if scale > ScaleMax {
			return Decimal{}, CodeTooManyDecimals
		}
		return Decimal{}, CodeOverflow
	}
	return Decimal{coef: n, scale: uint8(scale), set: true}, ""
}

// decimalError says in a sentence why s is not a Decimal. The pointer is for the caller to set.
func decimalError(code ErrorCode, s string) *Error {
	var why string
	switch {
	case code == CodeTooManyDecimals:
		why = fmt.Sprintf("has more decimals than can be kept; send at most %d", ScaleMax)
	case code == CodeOverflow:
		why = "is out of range; send a number between -9223372036854775808 and 9223372036854775807" +
			" (fewer digits when it has decimals)"
	case s == "":
		return &Error{Code: code, Detail: "an empty text is not a number; send one such as 12 or 0.5"}
	default:
		why = "is not a number as JSON writes it; send one such as 12, -3 or 0.5"
	}
	return &Error{Code: code, Detail: quoted(s) + " " + why}
}

// String returns d in plain notation with as few decimals as it needs, such as "-0.5" and
// "1000"; "" when d is absent.
func (d Decimal) String() string {
	var buf [decimalBytesMax]byte
	return string(d.AppendTo(buf[:0]))
}

// decimalBytesMax is the longest text of a Decimal: a sign, 19 digits, a point and the zero
// before it.
const decimalBytesMax = 22

// AppendTo appends the text of d, as [Decimal.String] returns it, to dst; nothing when d is absent.
func (d Decimal) AppendTo(dst []byte) []byte {
	if !d.set {
		return dst
	}
	if d.scale == 0 {
		return strconv.AppendInt(dst, d.coef, 10)
	}
	var buf [decimalBytesMax]byte
	if d.coef < 0 {
		dst = append(dst, '-')
	}
	digits := strconv.AppendUint(buf[:0], magnitude(d.coef), 10)
	whole := len(digits) - int(d.scale)
	if whole > 0 {
		dst = append(dst, digits[:whole]...)
		dst = append(dst, '.')
		return append(dst, digits[whole:]...)
	}
	dst = append(dst, '0', '.')
	for ; whole < 0; whole++ {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// MarshalJSON writes d as a JSON number, exactly; an absent d as null.
func (d Decimal) MarshalJSON() ([]byte, error) {
	if !d.set {
		return []byte("null"), nil
	}
	return d.AppendTo(make([]byte, 0, decimalBytesMax)), nil
}

// UnmarshalJSON reads a JSON number, a JSON string with a number in it, or null for absent.
// Errors are those of [ParseDecimal], and [CodeWrongType] for what is neither.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*d = Decimal{}
		return nil
	}
	if len(b) > 0 && b[0] == '"' {
		var s string // by the library, as a string may have escapes
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		parsed, err := ParseDecimal(s)
		*d = parsed
		return err
	}
	if len(b) > 0 && b[0] != '-' && b[0]-'0' > 9 { // true, an object, an array
		*d = Decimal{}
		return &Error{Code: CodeWrongType, Detail: "this must be a number or a decimal string, not " + quoted(string(b))}
	}
	parsed, err := ParseDecimalBytes(b)
	*d = parsed
	return err
}

// MarshalText returns the text of d, empty when d is absent.
func (d Decimal) MarshalText() ([]byte, error) {
	return d.AppendTo(make([]byte, 0, decimalBytesMax)), nil
}

// UnmarshalText reads what [Decimal.MarshalText] writes, and any other spelling [ParseDecimal]
// takes.
func (d *Decimal) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = Decimal{}
		return nil
	}
	parsed, err := ParseDecimalBytes(b)
	*d = parsed
	return err
}
