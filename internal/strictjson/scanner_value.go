package strictjson

import (
	"math"
	"strconv"
)

// The values of a [Scanner] that are not objects.

// value reads the value at i.
func (s *Scanner) value(i, depth int) (hash uint64, next int) {
	src := s.src
	if i >= len(src) {
		return 0, s.failAt(Malformed, i, "a value must stand here; the text ends")
	}
	switch c := src[i]; c {
	case '"':
		start := i + 1
		end, escaped := scanString(src, start)
		if end < 0 {
			return 0, s.failWith(stringFailure(src, start))
		}
		s.spans = append(s.spans, Span{uint16(start), uint16(end), false})
		content := src[start:end]
		if escaped {
			s.scratch = appendUnescaped(s.scratch[:0], content)
			content = s.scratch
		}
		return hashBytes(content, s.seed^saltString), end + 1
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return s.number(i)
	case '{':
		return s.object(i+1, depth+1)
	case '[':
		return s.array(i+1, depth+1)
	case 't', 'f', 'n':
		if end := scanLiteral(src, i); end > 0 {
			return hashLiteral(c, s.seed), end
		}
	}
	return 0, s.failAt(Malformed, i, "a value must stand here; "+shown(src, i))
}

// number reads the number at i. Up to 18 digits cannot overflow and are read at once; anything
// else is looked at again by scanNumber.
func (s *Scanner) number(i int) (hash uint64, next int) {
	src := s.src
	start := i
	if src[i] == '-' {
		i++
	}
	first := i
	var n int64
	for i < len(src) && src[i]-'0' <= 9 && i-first < 19 {
		n = n*10 + int64(src[i]-'0')
		i++
	}
	// Canonical, if the digits ended by themselves, there is one, and no zero leads.
	plain := i-first-1 < 18 && i > first && (src[first] != '0' || i == start+1)
	if plain && (i >= len(src) || src[i] != '.' && src[i]|0x20 != 'e') {
		if first != start {
			n = -n
		}
		s.spans = append(s.spans, Span{uint16(start), uint16(i), true})
		return hashInteger(n, s.seed), i
	}
	end := scanNumber(src, start)
	if end < 0 {
		return 0, s.failAt(Malformed, start, "this is not a number as JSON writes it")
	}
	text := src[start:end]
	s.spans = append(s.spans, Span{uint16(start), uint16(end), canonicalInteger(text)})
	hash, s.scratch = hashNumber(text, s.seed, s.scratch)
	return hash, end
}

// canonicalInteger reports whether a well-formed number is written as an int64 is.
func canonicalInteger(text []byte) bool {
	digits, limit := text, uint64(math.MaxInt64)
	if text[0] == '-' {
		digits, limit = text[1:], -math.MinInt64
	}
	if len(digits) > 19 || digits[0] == '0' && len(text) > 1 {
		return false
	}
	var n uint64 // 10^19 - 1 fits
	for _, c := range digits {
		if c-'0' > 9 {
			return false
		}
		n = n*10 + uint64(c-'0')
	}
	return n <= limit
}

// array reads the elements of an array from i, behind its bracket.
func (s *Scanner) array(i, depth int) (hash uint64, next int) {
	src := s.src
	if depth > s.depthMax {
		return 0, s.failAt(TooLarge, i-1, "objects and arrays are nested too deeply; at most "+
			strconv.Itoa(s.depthMax)+" levels are taken")
	}
	hash = s.seed ^ saltArray
	i = skipSpace(src, i)
	if i < len(src) && src[i] == ']' {
		return mix(hash, saltArray), i + 1
	}
	for count := 0; ; count++ {
		value, after := s.value(i, depth)
		if after < 0 {
			s.path = append(s.path, "/"+strconv.Itoa(count))
			return 0, after
		}
		hash = mix(hash^value, saltArray^s.seed)
		i = skipSpace(src, after)
		if i >= len(src) || src[i] != ',' && src[i] != ']' {
			return 0, s.failAt(Malformed, i, "a comma or a closing bracket must stand here; "+shown(src, i))
		}
		i++
		if src[i-1] == ']' {
			return mix(hash^uint64(count+1), saltArray), i
		}
		i = skipSpace(src, i)
	}
}
