package strictjson

import (
	"fmt"
	"math/rand/v2"
	"strconv"
)

// Type is the type of a JSON value, as [Parser.Peek] sees it from its first byte.
type Type byte

// The types. TypeInvalid is the end of the text or a byte that begins no value.
const (
	TypeInvalid Type = iota
	TypeObject
	TypeArray
	TypeString
	TypeNumber
	TypeBool
	TypeNull
)

// String returns the type with its article, as it stands in a sentence.
func (t Type) String() string {
	return [...]string{"not JSON", "an object", "an array", "a string", "a number", "a boolean", "null"}[t]
}

// Parser reads a JSON text value by value, pulled by its caller: no reflection, no tree, no
// allocation but for the strings it returns. It is as strict as the rest of the package. A
// request body is read like this:
//
//	p.Reset(body)
//	if err := p.BeginArray(); err != nil { ... }
//	for {
//		more, err := p.NextElem()
//		if err != nil { return err } // not JSON: nothing to go on with
//		if !more { break }
//		mark := p.Mark()
//		if err := readEvent(&p); err != nil {
//			p.Rewind(mark) // well-formed but wrong: report it, step over it, go on
//			if fatal := p.Skip(); fatal != nil { return fatal }
//		}
//	}
//	err := p.End()
//
// A method that fails with WrongType has read nothing; the value can still be read as another
// type or skipped. After another error only Rewind and Reset make sense.
//
// Byte slices it returns are parts of the text or of a buffer of the parser and are valid until
// the next call; those of [Parser.Raw] and [Parser.NumberBytes] are always parts of the text.
// The zero value is an empty text. A Parser is reused through Reset; it is not safe for
// concurrent use.
type Parser struct {
	src     []byte
	pos     int // behind what was read
	frames  []frame
	keys    keySet
	opened  uint64 // objects opened so far: their serial numbers
	seed    uint64 // keys the hashes of names, so that nobody can make them collide
	scratch []byte
}

// frame is an object or an array that the parser is inside of.
type frame struct {
	array   bool
	started bool // behind the first member or element
	escaped bool // the name of the member
	index   int  // of the element
	start   int  // of the member's name, between its quotes; 0 before the first
	end     int
	base    int    // of the object's names in keys
	serial  uint64 // of the object
}

// scratchKept and framesKept are the greatest buffers, in bytes and in levels, that are kept for
// the next text: about 64 KiB each.
const (
	scratchKept = 64 << 10
	framesKept  = 1024
)

// Reset starts over with src, which the parser reads but never writes, until the next Reset.
func (p *Parser) Reset(src []byte) {
	p.src, p.pos, p.frames, p.opened = src, 0, p.frames[:0], 0
	p.keys.reset()
	if cap(p.scratch) > scratchKept {
		p.scratch = nil
	}
	if cap(p.frames) > framesKept {
		p.frames = nil
	}
	if p.seed == 0 {
		p.seed = rand.Uint64() | 1
	}
}

// Offset returns how many bytes were read.
func (p *Parser) Offset() int { return p.pos }

// Peek returns the type of the value that comes next. It looks at one byte only.
func (p *Parser) Peek() Type {
	if p.pos = skipSpace(p.src, p.pos); p.pos >= len(p.src) {
		return TypeInvalid
	}
	switch p.src[p.pos] {
	case '{':
		return TypeObject
	case '[':
		return TypeArray
	case '"':
		return TypeString
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return TypeNumber
	case 't', 'f':
		return TypeBool
	case 'n':
		return TypeNull
	}
	return TypeInvalid
}

// BeginObject reads the brace that opens an object; its members follow by [Parser.NextKey].
func (p *Parser) BeginObject() error { return p.begin(TypeObject) }

// BeginArray reads the bracket that opens an array; its elements follow by [Parser.NextElem].
func (p *Parser) BeginArray() error { return p.begin(TypeArray) }

func (p *Parser) begin(t Type) error {
	if p.Peek() != t {
		return p.wrongType(t)
	}
	if len(p.frames) >= depthMax {
		return p.fail(TooLarge, p.pos, fmt.Sprintf(
			"objects and arrays are nested too deeply; at most %d levels are taken", depthMax))
	}
	p.pos++
	p.open(t == TypeArray)
	return nil
}

// open enters the object or array whose first byte was read.
func (p *Parser) open(array bool) {
	p.opened++
	p.frames = append(p.frames, frame{array: array, index: -1, base: len(p.keys.list), serial: p.opened})
}

// close leaves the innermost object or array.
func (p *Parser) close() {
	last := len(p.frames) - 1
	p.keys.list = p.keys.list[:p.frames[last].base]
	p.frames = p.frames[:last]
}

// NextKey reads the next member name of the object and its colon, so that the value comes next; or
// the closing brace, and more is false. The value of the member before must have been read. A
// name that the object has already is a DuplicateKey error.
func (p *Parser) NextKey() (key []byte, more bool, err error) {
	more, err = p.nextKey(true)
	if !more || err != nil {
		return nil, false, err
	}
	f := &p.frames[len(p.frames)-1]
	if f.escaped {
		return p.scratch, true, nil
	}
	return p.src[f.start:f.end], true, nil
}

// nextKey is NextKey; without unique it takes a name a second time. An escaped name is in scratch.
func (p *Parser) nextKey(unique bool) (more bool, err error) {
	f := &p.frames[len(p.frames)-1]
	if f.array {
		panic("BUG: strictjson.Parser.NextKey inside an array")
	}
	src := p.src
	i := skipSpace(src, p.pos)
	if i < len(src) && src[i] == '}' {
		p.pos = i + 1
		p.close()
		return false, nil
	}
	if f.started {
		if i >= len(src) || src[i] != ',' {
			return false, p.failParent(i, "a comma or a closing brace must stand here; "+shown(src, i))
		}
		i = skipSpace(src, i+1)
	}
	f.started = true
	if i >= len(src) || src[i] != '"' {
		return false, p.failParent(i, "a member name in quotes must stand here; "+shown(src, i))
	}
	start := i + 1
	end, escaped := scanString(src, start)
	if end < 0 {
		f.start = 0
		return false, p.failWith(stringFailure(src, start))
	}
	f.start, f.end, f.escaped = start, end, escaped
	name := src[start:end]
	if escaped {
		p.scratch = appendUnescaped(p.scratch[:0], name)
		name = p.scratch
	}
	if unique {
		e := keyEntry{hashBytes(name, p.seed), start, end, escaped}
		if !p.keys.add(src, f.base, f.serial, e, name) {
			return false, p.fail(DuplicateKey, i, "the member is there twice; leave one out")
		}
	}
	i = skipSpace(src, end+1)
	if i >= len(src) || src[i] != ':' {
		return false, p.failParent(i, "a colon must follow a member name; "+shown(src, i))
	}
	p.pos = i + 1
	return true, nil
}

// NextElem reads on to the next element of the array; or the closing bracket, and more is false.
// The element before must have been read.
func (p *Parser) NextElem() (more bool, err error) {
	f := &p.frames[len(p.frames)-1]
	if !f.array {
		panic("BUG: strictjson.Parser.NextElem inside an object")
	}
	src := p.src
	i := skipSpace(src, p.pos)
	if i < len(src) && src[i] == ']' {
		p.pos = i + 1
		p.close()
		return false, nil
	}
	if f.started {
		if i >= len(src) || src[i] != ',' {
			return false, p.failParent(i, "a comma or a closing bracket must stand here; "+shown(src, i))
		}
		i = skipSpace(src, i+1)
		if i < len(src) && src[i] == ']' {
			return false, p.failParent(i, "an element must follow a comma; "+shown(src, i))
		}
	} else if i >= len(src) {
		return false, p.failParent(i, "an element or a closing bracket must stand here; the text ends")
	}
	f.started = true
	f.index++
	p.pos = i
	return true, nil
}

// End checks that nothing but white space is left. It panics inside an object or array.
func (p *Parser) End() error {
	if len(p.frames) > 0 {
		panic("BUG: strictjson.Parser.End inside " + strconv.Itoa(len(p.frames)) + " objects or arrays")
	}
	if i := skipSpace(p.src, p.pos); i < len(p.src) {
		return p.fail(Malformed, i, "there must be nothing behind the value; "+shown(p.src, i))
	}
	return nil
}
