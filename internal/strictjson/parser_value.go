package strictjson

// The values of a [Parser]: scalars, and whole values of any type.

// Str reads a string and returns a copy of it, unescaped.
func (p *Parser) Str() (string, error) {
	b, err := p.StrBytes()
	return string(b), err
}

// StrBytes reads a string and returns it unescaped: a part of the text when it has no escapes, else
// a buffer that the next call overwrites.
func (p *Parser) StrBytes() ([]byte, error) {
	if p.Peek() != TypeString {
		return nil, p.wrongType(TypeString)
	}
	start := p.pos + 1
	end, escaped := scanString(p.src, start)
	if end < 0 {
		return nil, p.failWith(stringFailure(p.src, start))
	}
	p.pos = end + 1
	if escaped {
		p.scratch = appendUnescaped(p.scratch[:0], p.src[start:end])
		return p.scratch, nil
	}
	return p.src[start:end:end], nil
}

// NumberBytes reads a number and returns its text, which is well-formed.
func (p *Parser) NumberBytes() ([]byte, error) {
	if p.Peek() != TypeNumber {
		return nil, p.wrongType(TypeNumber)
	}
	start := p.pos
	if err := p.scalar(); err != nil {
		return nil, err
	}
	return p.src[start:p.pos:p.pos], nil
}

// Bool reads true or false.
func (p *Parser) Bool() (bool, error) {
	if p.Peek() != TypeBool {
		return false, p.wrongType(TypeBool)
	}
	value := p.src[p.pos] == 't'
	err := p.scalar()
	return value, err
}

// Null reads a null, if one comes next, and reports whether it did.
func (p *Parser) Null() bool {
	if p.Peek() != TypeNull || scanLiteral(p.src, p.pos) < 0 {
		return false
	}
	p.pos += len("null")
	return true
}

// Raw reads any value and returns its text without the white space around it: well-formed, UTF-8,
// no member name twice in an object.
func (p *Parser) Raw() ([]byte, error) {
	p.pos = skipSpace(p.src, p.pos)
	start := p.pos
	if err := p.walk(true); err != nil {
		return nil, err
	}
	return p.src[start:p.pos:p.pos], nil
}

// Skip reads any well-formed value and drops it. It does not look for duplicate names, so it can
// step over an element that was refused for one.
func (p *Parser) Skip() error { return p.walk(false) }

// walk reads one value, whatever is in it. It uses the frames of the parser, not the stack, so
// depth costs 48 bytes a level and an error has its pointer.
func (p *Parser) walk(unique bool) error {
	depth := len(p.frames)
	for {
		switch t := p.Peek(); t {
		case TypeObject, TypeArray:
			if err := p.begin(t); err != nil {
				return err
			}
		default:
			if err := p.scalar(); err != nil {
				return err
			}
		}
		for len(p.frames) > depth { // leave whatever ends here
			more, err := p.next(unique)
			if err != nil {
				return err
			}
			if more {
				break
			}
		}
		if len(p.frames) == depth {
			return nil
		}
	}
}

// next reads on to the next member or element of the innermost object or array.
func (p *Parser) next(unique bool) (more bool, err error) {
	if p.frames[len(p.frames)-1].array {
		return p.NextElem()
	}
	return p.nextKey(unique)
}

// scalar reads a string, a number, true, false or null.
func (p *Parser) scalar() error {
	src, i := p.src, skipSpace(p.src, p.pos)
	p.pos = i
	if i >= len(src) {
		return p.fail(Malformed, i, "a value must stand here; the text ends")
	}
	end := -1
	switch c := src[i]; c {
	case '"':
		if end, _ = scanString(src, i+1); end < 0 {
			return p.failWith(stringFailure(src, i+1))
		}
		end++
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if end = scanNumber(src, i); end < 0 {
			return p.fail(Malformed, i, "this is not a number as JSON writes it")
		}
	default:
		if end = scanLiteral(src, i); end < 0 {
			return p.fail(Malformed, i, "a value must stand here; "+shown(src, i))
		}
	}
	p.pos = end
	return nil
}
