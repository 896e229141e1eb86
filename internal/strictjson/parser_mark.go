package strictjson

import "strconv"

// Where a [Parser] is: going back to a place, and naming it in errors.

// Mark is a place in the text to which a [Parser] can go back.
type Mark struct {
	pos, depth, keys int
	top              frame
}

// Mark remembers the place before the value that comes next. It is good until the object or array
// around it was left.
func (p *Parser) Mark() Mark {
	m := Mark{pos: p.pos, depth: len(p.frames), keys: len(p.keys.list)}
	if m.depth > 0 {
		m.top = p.frames[m.depth-1]
	}
	return m
}

// Rewind goes back to m, out of everything that was opened since.
func (p *Parser) Rewind(m Mark) {
	p.pos, p.frames, p.keys.list = m.pos, p.frames[:m.depth], p.keys.list[:m.keys]
	if m.depth > 0 {
		p.frames[m.depth-1] = m.top
	}
}

// Fail returns an Error at the value that comes next or was read last: its pointer is that of
// the current member or element. It is how a receiver says UnknownField or WrongType.
func (p *Parser) Fail(kind Kind, detail string) *Error {
	return p.fail(kind, p.pos, detail)
}

// Pointer returns the RFC 6901 pointer of the current member or element, "" outside of all.
func (p *Parser) Pointer() string {
	var text []byte
	for i := range p.frames {
		switch f := &p.frames[i]; {
		case f.array && f.index >= 0:
			text = strconv.AppendInt(append(text, '/'), int64(f.index), 10)
		case !f.array && f.start > 0:
			text = append(text, pointerToken(p.src[f.start:f.end])...)
		}
	}
	return string(text)
}

func (p *Parser) fail(kind Kind, offset int, detail string) *Error {
	return &Error{Kind: kind, Offset: offset, Pointer: p.Pointer(), Detail: detail}
}

func (p *Parser) failWith(f failure) *Error { return p.fail(f.kind, f.offset, f.detail) }

// failParent is a Malformed error of the innermost object or array itself, not of its member.
func (p *Parser) failParent(offset int, detail string) *Error {
	f := &p.frames[len(p.frames)-1]
	f.start, f.index = 0, -1
	return p.fail(Malformed, offset, detail)
}

// wrongType says that the next value is not of type want.
func (p *Parser) wrongType(want Type) *Error {
	got := p.Peek()
	if got == TypeInvalid {
		return p.fail(Malformed, p.pos, "a value must stand here; "+shown(p.src, p.pos))
	}
	return p.fail(WrongType, p.pos, "this must be "+want.String()+", not "+got.String())
}
