package strictjson

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"

	"github.com/zeebo/xxh3"
)

// The canonical hash of a JSON value. Hashes are stored with ids, so nothing here may change.
//
//	string   hash of the unescaped bytes
//	integer  hash of the int64; any spelling of it: 1, 1.0, 10e-1; -0 is 0
//	number   hash of sign, digits without zeros around them, 'e', exponent; those beyond int64
//	literal  a constant each
//	array    h = fold(h, element), in order, then the count
//	object   sum of mix(hash(name), value) over the members, then the count: order-free
//
// mix is the 64x64 to 128-bit multiplication folded to 64 bits, as in wyhash (Wang Yi,
// https://github.com/wangyi-fudan/wyhash). Long strings go through XXH3 with the seed. Whoever
// does not know the seed cannot choose values that collide.

// Odd constants with as many ones as zeros, from wyhash and from the golden ratio; what matters is
// that each kind of value has its own.
const (
	saltName    = 0xa0761d6478bd642f
	saltString  = 0xe7037ed1a0b428db
	saltInteger = 0x8ebc6af09c88c6e3
	saltNumber  = 0x589965cc75374cc3
	saltLiteral = 0x1d8e4e27c47d124f
	saltArray   = 0xeb44accab455d165
	saltObject  = 0x9e3779b97f4a7c15
	saltMember  = 0xc2b2ae3d27d4eb4f
	saltLength  = 0x2d358dccaa6c78a5
)

// mix multiplies to 128 bits and folds the halves.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// hashBytes hashes b. Up to 16 bytes, which most names and values are, take two multiplications
// over words that may overlap; the length tells those apart. Longer ones are XXH3's.
func hashBytes(b []byte, seed uint64) uint64 {
	n := len(b)
	var x, y uint64
	switch {
	case n > 16:
		return xxh3.HashSeed(b, seed)
	case n >= 8:
		x = binary.LittleEndian.Uint64(b)
		y = binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		x = uint64(binary.LittleEndian.Uint32(b))
		y = uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n > 0:
		x = uint64(b[0]) | uint64(b[n>>1])<<8 | uint64(b[n-1])<<16
	}
	return mix(mix(x^seed, y^saltLength^seed)^uint64(n), saltLength^seed)
}

// hashInteger hashes a whole number that fits an int64.
func hashInteger(n int64, seed uint64) uint64 {
	return mix(uint64(n)^seed^saltInteger, saltInteger)
}

// hashLiteral hashes true, false or null by its first letter.
func hashLiteral(c byte, seed uint64) uint64 {
	return mix(uint64(c)^seed^saltLiteral, saltLiteral)
}

// hashNumber hashes a well-formed number of any spelling, exactly, whatever its exponent. scratch
// is reused and returned.
func hashNumber(text []byte, seed uint64, scratch []byte) (uint64, []byte) {
	negative := text[0] == '-'
	if negative {
		text = text[1:]
	}
	mantissa, exponent := text, []byte(nil)
	for i, c := range text {
		if c|0x20 == 'e' {
			mantissa, exponent = text[:i], text[i+1:]
			break
		}
	}
	// The digits, then the power of ten behind the last of them that is not zero.
	digits := append(scratch[:0], '-')
	shift, point := 0, false
	for _, c := range mantissa {
		if c == '.' {
			point = true
			continue
		}
		if point {
			shift--
		}
		if c != '0' || len(digits) > 1 {
			digits = append(digits, c)
		}
	}
	for len(digits) > 1 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
		shift++
	}
	if len(digits) == 1 {
		return hashInteger(0, seed), digits
	}
	count := len(digits)
	digits = append(digits, 'e')
	digits, small, ok := appendExponent(digits, exponent, shift)
	if ok && small >= 0 && small+int64(count-1) <= 19 {
		if n, fits := integerOf(digits[1:count], int(small), negative); fits {
			return hashInteger(n, seed), digits
		}
	}
	canonical := digits
	if !negative {
		canonical = digits[1:]
	}
	return hashBytes(canonical, seed^saltNumber), digits
}

// integerOf returns ±digits * 10^zeros, when it fits an int64; there are at most 19 digits in all.
func integerOf(digits []byte, zeros int, negative bool) (int64, bool) {
	var n uint64 // 10^19 - 1 fits
	for _, c := range digits {
		n = n*10 + uint64(c-'0')
	}
	for ; zeros > 0; zeros-- {
		n *= 10
	}
	if negative {
		return int64(-n), n <= -math.MinInt64
	}
	return int64(n), n <= math.MaxInt64
}

// appendExponent appends exponent + shift in decimal, exponent being what stood behind the 'e',
// nil for none. small is the sum when ok; otherwise it does not fit and only the text is exact.
// An exponent may be as long as the text, so a long one is added digit by digit.
func appendExponent(dst, exponent []byte, shift int) (out []byte, small int64, ok bool) {
	negative := false
	if len(exponent) > 0 && (exponent[0] == '-' || exponent[0] == '+') {
		negative = exponent[0] == '-'
		exponent = exponent[1:]
	}
	for len(exponent) > 0 && exponent[0] == '0' {
		exponent = exponent[1:]
	}
	if len(exponent) <= 17 { // 10^17 and any length of text are far inside an int64
		for _, c := range exponent {
			small = small*10 + int64(c-'0')
		}
		if negative {
			small = -small
		}
		small += int64(shift)
		return strconv.AppendInt(dst, small, 10), small, true
	}
	if negative {
		dst = append(dst, '-')
		shift = -shift
	}
	// The magnitude is 10^17 at least, so adding the shift cannot change its sign. A zero before
	// the digits takes the last carry.
	start := len(dst)
	dst = append(dst, '0')
	dst = append(dst, exponent...)
	for i := len(dst) - 1; shift != 0; i-- {
		sum := int(dst[i]-'0') + shift
		digit := (sum%10 + 10) % 10
		shift = (sum - digit) / 10
		dst[i] = byte('0' + digit)
	}
	for dst[start] == '0' {
		dst = append(dst[:start], dst[start+1:]...)
	}
	return dst, 0, false
}
