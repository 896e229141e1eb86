package strictjson

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Limits bounds what [Scanner.Object] takes. A zero field means its greatest value.
type Limits struct {
	Bytes int // of the text; at most 65,535, because a Span has 16-bit offsets
	Keys  int // members of all objects together; at most 1,024, because each is compared with each
	Depth int // of nested objects and arrays, the outer object being 1; at most 10,000
}

// The greatest limits.
const (
	scanBytesMax = math.MaxUint16
	scanKeysMax  = 1024
	depthMax     = 10_000 // as encoding/json and jsontext
)

// Scanner checks a small JSON object, hashes it canonically and finds its scalars, all in one
// pass. It keeps its memory between calls: use one Scanner again and again. The zero value is
// ready. Not safe for concurrent use.
type Scanner struct {
	src      []byte
	seed     uint64
	keysMax  int
	keyCount int
	depthMax int
	spans    []Span
	keys     []scanKey // the members of the objects that are open, the innermost last
	name     []byte    // an unescaped member name
	scratch  []byte    // an unescaped string value or the digits of a number

	fail failure
	path []string // the pointer of a failure, innermost token first
}

// scanKey is a member name: where it stands, and its hash.
type scanKey struct {
	hash       uint64
	start, end uint16
	escaped    bool
}

// Object checks that src is one JSON object within lim, and nothing else but white space around
// it: RFC 8259 to the letter, UTF-8 without lone surrogates, no member name twice in an object,
// also not in two spellings.
//
// The hash is the same for equal values: white space, the order of members, escapes in strings
// and the spelling of numbers do not matter (1 = 1.0 = 1e0, -0 = 0; numbers are compared
// exactly, never as floats); everything else does, the order of arrays and the type of a value
// ("1" is not 1) included. The seed keys the hash; it should be secret when texts come from
// outside. Hash values never change between versions.
//
// spans lists the scalars in the order of the text (see [Span]); it belongs to s and is
// overwritten by the next call. Errors are an [*Error]. No allocation once s has grown, unless
// it fails; about a nanosecond for each byte.
func (s *Scanner) Object(src []byte, lim Limits, seed uint64) (hash uint64, spans []Span, err error) {
	s.src, s.seed = src, seed
	s.keysMax, s.depthMax = within(lim.Keys, scanKeysMax), within(lim.Depth, depthMax)
	s.keyCount, s.spans, s.keys = 0, s.spans[:0], s.keys[:0]
	if bytesMax := within(lim.Bytes, scanBytesMax); len(src) > bytesMax {
		s.failAt(TooLarge, bytesMax, "the JSON is "+strconv.Itoa(len(src))+" bytes long; at most "+
			strconv.Itoa(bytesMax)+" are taken")
		return 0, nil, s.err()
	}
	i := skipSpace(src, 0)
	if i >= len(src) || src[i] != '{' {
		s.notObject(i)
		return 0, nil, s.err()
	}
	hash, i = s.object(i+1, 1)
	if i < 0 {
		return 0, nil, s.err()
	}
	if i = skipSpace(src, i); i < len(src) {
		s.failAt(Malformed, i, "there must be nothing behind the object; "+shown(src, i))
		return 0, nil, s.err()
	}
	return hash, s.spans, nil
}

// within returns limit, or most when that is zero or beyond it.
func within(limit, most int) int {
	if limit <= 0 || limit > most {
		return most
	}
	return limit
}

// object reads the members of an object from i, behind its brace, and returns its hash and the
// index behind it, negative when it failed.
func (s *Scanner) object(i, depth int) (hash uint64, next int) {
	src := s.src
	if depth > s.depthMax {
		return 0, s.failAt(TooLarge, i-1, "objects and arrays are nested too deeply; at most "+
			strconv.Itoa(s.depthMax)+" levels are taken")
	}
	if i < len(src) && src[i] <= ' ' {
		i = skipSpace(src, i)
	}
	if i < len(src) && src[i] == '}' {
		return hashObject(0, 0, s.seed), i + 1
	}
	var (
		base  = len(s.keys)
		sum   uint64
		names uint64 // a bit for every name: a new bit proves a new name
	)
	for {
		nameHash, start, end := s.memberName(i, base, &names)
		if end < 0 {
			return 0, end
		}
		i = end + 1
		if i < len(src) && src[i] <= ' ' {
			i = skipSpace(src, i)
		}
		if i >= len(src) || src[i] != ':' {
			return 0, s.failAt(Malformed, i, "a colon must follow a member name; "+shown(src, i))
		}
		i++
		if i < len(src) && src[i] <= ' ' {
			i = skipSpace(src, i)
		}
		value, after := s.value(i, depth)
		if after < 0 {
			s.path = append(s.path, pointerToken(src[start:end]))
			return 0, after
		}
		sum += mix(nameHash^saltMember, value^s.seed)
		i = after
		if i < len(src) && src[i] <= ' ' {
			i = skipSpace(src, i)
		}
		if i >= len(src) || src[i] != ',' && src[i] != '}' {
			return 0, s.failAt(Malformed, i,
				"a comma or a closing brace must stand here; "+shown(src, i))
		}
		i++
		if src[i-1] == '}' {
			count := len(s.keys) - base
			s.keys = s.keys[:base]
			return hashObject(sum, count, s.seed), i
		}
		if i < len(src) && src[i] <= ' ' {
			i = skipSpace(src, i)
		}
	}
}

// memberName reads the name of a member of the object whose names start at base, which must be new there, and returns its hash and where
// it stands between its quotes; end is negative when it failed.
func (s *Scanner) memberName(i, base int, names *uint64) (hash uint64, start, end int) {
	src := s.src
	if i >= len(src) || src[i] != '"' {
		return 0, 0, s.failAt(Malformed, i, "a member name in quotes must stand here; "+shown(src, i))
	}
	start = i + 1
	end, escaped := scanString(src, start)
	if end < 0 {
		return 0, 0, s.failWith(stringFailure(src, start))
	}
	name := src[start:end]
	if escaped {
		s.name = appendUnescaped(s.name[:0], name)
		name = s.name
	}
	hash = hashBytes(name, s.seed^saltName)
	bit := uint64(1) << (hash & 63)
	if *names&bit != 0 && s.has(base, hash, name) {
		s.path = append(s.path, pointerToken(src[start:end]))
		return 0, 0, s.failAt(DuplicateKey, start-1, "the member is there twice; leave one out")
	}
	*names |= bit
	if s.keyCount++; s.keyCount > s.keysMax {
		return 0, 0, s.failAt(TooLarge, start-1, "there are too many members; at most "+
			strconv.Itoa(s.keysMax)+" are taken")
	}
	s.keys = append(s.keys, scanKey{hash, uint16(start), uint16(end), escaped})
	return hash, start, end
}

func hashObject(sum uint64, count int, seed uint64) uint64 {
	return mix(sum^seed^saltObject, uint64(count)^saltObject)
}

// has reports whether an open object, whose names start at base, has a member of this name.
func (s *Scanner) has(base int, hash uint64, name []byte) bool {
	for i := range s.keys[base:] {
		k := &s.keys[base+i]
		if k.hash != hash {
			continue
		}
		other := s.src[k.start:k.end]
		if k.escaped {
			s.scratch = appendUnescaped(s.scratch[:0], other)
			other = s.scratch
		}
		if string(other) == string(name) {
			return true
		}
	}
	return false
}

// notObject records that the text at i is no object: another value, or no JSON at all.
func (s *Scanner) notObject(i int) {
	if i >= len(s.src) {
		s.failAt(Malformed, i, "an object must stand here; the text ends")
		return
	}
	_, next := s.value(i, 1)
	if next < 0 {
		return // it says what is wrong
	}
	if next = skipSpace(s.src, next); next < len(s.src) {
		s.failAt(Malformed, next, "there must be nothing behind the value; "+shown(s.src, next))
		return
	}
	s.failAt(WrongType, i, "this must be an object")
}

// failAt records a failure and returns the index that stands for it.
func (s *Scanner) failAt(kind Kind, offset int, detail string) int {
	return s.failWith(failure{kind, offset, detail})
}

func (s *Scanner) failWith(f failure) int {
	s.fail = f
	return -1
}

// err makes the recorded failure an Error; the tokens were collected from the inside out.
func (s *Scanner) err() error {
	slices.Reverse(s.path)
	e := &Error{
		Kind: s.fail.kind, Offset: s.fail.offset,
		Pointer: strings.Join(s.path, ""), Detail: s.fail.detail,
	}
	clear(s.path)
	s.path = s.path[:0]
	return e
}
