package engine

import (
	"encoding/binary"
	"fmt"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// rowReader reads the fields of a row one after another. The first thing that is wrong is kept; everything after it reads
// as zero, so that a decoder checks once, at the end.
type rowReader struct {
	src []byte
	err error
}

func (r *rowReader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", wal.ErrCorrupt, what)
	}
	r.src = nil
}

func (r *rowReader) byte() byte {
	if len(r.src) == 0 {
		r.fail("row is cut off")
		return 0
	}
	b := r.src[0]
	r.src = r.src[1:]
	return b
}

func (r *rowReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.src)
	if n <= 0 {
		r.fail("row is cut off")
		return 0
	}
	r.src = r.src[n:]
	return v
}

func (r *rowReader) varint() int64 {
	v, n := binary.Varint(r.src)
	if n <= 0 {
		r.fail("row is cut off")
		return 0
	}
	r.src = r.src[n:]
	return v
}

// count reads the number of things that take at least size bytes each.
func (r *rowReader) count(size int) int {
	n := r.uvarint()
	if n > uint64(len(r.src)/size) {
		r.fail("row is cut off")
		return 0
	}
	return int(n)
}

// bytes reads a length and as many bytes, which alias the row.
func (r *rowReader) bytes() []byte {
	n := r.count(1)
	b := r.src[:n]
	r.src = r.src[n:]
	return b
}

func (r *rowReader) text() string { return string(r.bytes()) }

// decimal reads what appendDecimal wrote.
func (r *rowReader) decimal() usage.Decimal {
	scale := r.byte()
	if scale == 0 {
		return usage.Decimal{}
	}
	coef := r.varint()
	if scale > usage.DecimalScaleMax+1 {
		r.fail("scale of a decimal")
		return usage.Decimal{}
	}
	return usage.FromUnits(coef, int(scale)-1)
}

// end reports what went wrong; bytes left over are wrong too.
func (r *rowReader) end(what string) error {
	if r.err == nil && len(r.src) > 0 {
		r.fail(fmt.Sprintf("%d bytes too many", len(r.src)))
	}
	if r.err != nil {
		return fmt.Errorf("%s: %w", what, r.err)
	}
	return nil
}

// appendDecimal writes 0 for an absent number, else 1 + scale and the coefficient.
func appendDecimal(dst []byte, d usage.Decimal) []byte {
	if !d.IsSet() {
		return append(dst, 0)
	}
	coef, scale := d.Parts()
	return binary.AppendVarint(append(dst, scale+1), coef)
}

// appendText writes a length and the bytes.
func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}
