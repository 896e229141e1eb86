package main

// How far a file was read, and how that is kept beside it.

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// lineBytesMax bounds a line, as POST /v1/events does: an event with 4 KiB of metadata, all of it escaped, is under 32 KiB, and
// servers cut request lines at 8 KiB.
const lineBytesMax = 64 << 10

// lineBufferBytes is room for the longest line and its end.
const lineBufferBytes = lineBytesMax + 2

var errLong = fmt.Errorf("too_large: the line is longer than %d bytes; is --format right?", lineBytesMax)

// readLine reads a line with its line feed, which only a last line may lack. Of a line that is too long it answers the beginning, which
// is then shorter than size. The line is valid until the next read.
func readLine(in *bufio.Reader) (line []byte, size int64, err error) {
	line, err = in.ReadSlice('\n')
	size = int64(len(line))
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, size, err
	}
	line = bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		var more []byte
		more, err = in.ReadSlice('\n')
		size += int64(len(more))
	}
	return line, size, err
}

// tailBytes is how much of the text before a place tells whether it is still the same file. The first line does not: exports begin with
// the same names of columns.
const tailBytes = 4 << 10

// place is how far a file was read.
type place struct {
	number int   // lines
	at     int64 // bytes of the (inflated) file: where the next entry begins
	tail   []byte

	mark   int64  // a place that is waited for; 0: none
	marked string // what tailHash was there
}

func (p *place) where() *place { return p }

// pass moves on by a text of so many bytes and lines.
func (p *place) pass(text []byte, size int64, lines int) {
	p.number += lines
	p.at += size
	if p.tail = append(p.tail, text...); len(p.tail) > 4*tailBytes { // not at every line
		p.tail = append(p.tail[:0], p.tail[len(p.tail)-tailBytes:]...)
	}
	if p.at == p.mark {
		p.marked = p.tailHash()
	}
}

// tailHash is the hash of the text before the place.
func (p *place) tailHash() string {
	h := sha256.Sum256(p.tail[max(0, len(p.tail)-tailBytes):])
	return hex.EncodeToString(h[:])
}

// resumeFile keeps how far an import came, beside the file.
type resumeFile struct {
	path  string
	state resumeState
}

type resumeState struct {
	First  string `json:"first_line"` // SHA-256 of the first line
	Offset int64  `json:"offset"`
	Before string `json:"text_before"` // SHA-256 of up to tailBytes before the offset
}

// read finds what the last import has left: offset 0 when nothing is kept.
func (r *resumeFile) read() error {
	text, err := os.ReadFile(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r.state)
	}
	if err != nil {
		return fmt.Errorf("%s: %w; delete it to import the file from its start", r.path, err)
	}
	return nil
}

// same reports whether what was read up to the kept offset is what it was.
func (r *resumeFile) same(in entries) bool {
	first := in.first()
	return r.state.First == hex.EncodeToString(first[:]) && r.state.Before == in.where().marked
}

// write replaces it. A crash leaves the old one or the new one, and losing it only costs duplicates.
func (r *resumeFile) write(in entries) error {
	first := in.first()
	text, err := json.Marshal(resumeState{hex.EncodeToString(first[:]), in.where().at, in.where().tailHash()})
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.path+".tmp", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(r.path+".tmp", r.path)
}
