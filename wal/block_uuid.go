package wal

import (
	"encoding/binary"
	"math/bits"
)

// Canonical UUIDs (36 characters, lower case) are stored in binary, without the six bits
// that say version and variant when these are the same in the whole block. For version 4
// that leaves 122 random bits; for version 7 the leading milliseconds are close together
// and pack well too.
//
//	    0                   1                   2                   3
//	xxxxxxxx - xxxx - Vyyy - Nzzz - zzzzzzzzzzzz
//	|               | |  |    |
//	+---- 48 bits --+ |  |    +-- 2 bits of variant, then 62 bits: column "id low"
//	                  |  +------- 12 bits: column "id high" = 48 bits, then these 12
//	                  +---------- 4 bits of version: column "id version" = version*4 + variant

const uuidTextSize = 36

// blockUUID is a UUID cut into the values of its three columns.
type blockUUID struct {
	high    int64 // 60 bits
	low     int64 // 62 bits
	version int64 // 6 bits
}

// parseUUID cuts a canonical UUID; ok is false for any other text.
func parseUUID(s string) (u blockUUID, ok bool) {
	if len(s) != uuidTextSize || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return u, false
	}
	b := viewBytes(s)
	w0 := binary.LittleEndian.Uint64(b)
	w1 := uint64(binary.LittleEndian.Uint32(b[9:])) | uint64(binary.LittleEndian.Uint32(b[14:]))<<32
	w2 := uint64(binary.LittleEndian.Uint32(b[19:])) | uint64(binary.LittleEndian.Uint32(b[24:]))<<32
	w3 := binary.LittleEndian.Uint64(b[28:])
	if (hexInvalid(w0)|hexInvalid(w1)|hexInvalid(w2)|hexInvalid(w3))&hexTops != 0 {
		return u, false
	}
	x0, x1, x2, x3 := hexParse(w0), hexParse(w1), hexParse(w2), hexParse(w3)
	high, low := uint64(x0)<<32|uint64(x1), uint64(x2)<<32|uint64(x3)
	u.high = int64(high>>16<<12 | high&0xFFF)
	u.low = int64(low & (1<<62 - 1))
	u.version = int64(high>>12&0xF<<2 | low>>62)
	return u, true
}

// format writes the canonical text into dst, which must hold 36 bytes.
func (u blockUUID) format(dst []byte) {
	dst = dst[:uuidTextSize]
	high := uint64(u.high)>>12<<16 | uint64(u.version)>>2<<12 | uint64(u.high)&0xFFF
	low := uint64(u.version)<<62 | uint64(u.low)
	w1, w2 := hexFormat(uint32(high)), hexFormat(uint32(low>>32))
	binary.LittleEndian.PutUint64(dst, hexFormat(uint32(high>>32)))
	dst[8] = '-'
	binary.LittleEndian.PutUint32(dst[9:], uint32(w1))
	dst[13] = '-'
	binary.LittleEndian.PutUint32(dst[14:], uint32(w1>>32))
	dst[18] = '-'
	binary.LittleEndian.PutUint32(dst[19:], uint32(w2))
	dst[23] = '-'
	binary.LittleEndian.PutUint32(dst[24:], uint32(w2>>32))
	binary.LittleEndian.PutUint64(dst[28:], hexFormat(uint32(low)))
}

// hexInvalid returns a word whose top bits are set where a byte of w is not '0'-'9' or
// 'a'-'f'. For bytes below 0x80, adding 0x80-x sets the top bit where a byte is x or more,
// and carries nowhere.
func hexInvalid(w uint64) uint64 {
	const ones = 0x0101010101010101
	low := w &^ hexTops
	digit := (low + (0x80-'0')*ones) &^ (low + (0x80-'9'-1)*ones)
	letter := (low + (0x80-'a')*ones) &^ (low + (0x80-'f'-1)*ones)
	return w | ^(digit | letter)
}

const hexTops = 0x8080808080808080

// hexParse and hexFormat turn eight hexadecimal digits (the first in the lowest byte) into
// 32 bits and back, all digits at once.

func hexParse(digits uint64) uint32 {
	const ones = 0x0101010101010101
	// '0'-'9' are 0x30-0x39, 'a'-'f' 0x61-0x66: bit 6 marks the letters, worth 9 more.
	n := digits&(0x0F*ones) + digits>>6&ones*9
	n = n<<4 | n>>8 // a byte of each pair of digits, in the even bytes
	n &= 0x00FF00FF00FF00FF
	n |= n >> 8
	n &= 0x0000FFFF0000FFFF
	n |= n >> 16
	return bits.ReverseBytes32(uint32(n))
}

func hexFormat(v uint32) uint64 {
	const ones = 0x0101010101010101
	n := uint64(bits.ReverseBytes32(v))
	n = (n | n<<16) & 0x0000FFFF0000FFFF
	n = (n | n<<8) & 0x00FF00FF00FF00FF
	n = n>>4&0x000F000F000F000F | n&0x000F000F000F000F<<8
	letters := (n + 6*ones) >> 4 & ones // 1 in the bytes above 9
	return n + '0'*ones + letters*('a'-'0'-10)
}
