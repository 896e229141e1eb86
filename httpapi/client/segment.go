package client

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A spool is a directory of segments, files of records in the order in which they came (docs/FORMAT.md has the bytes):
//
//	segment  ┌──────────────┬──────────────┬────────────────────────────────────────────┐
//	         │ "weirspl1"   │ number u64 LE│ records                                    │
//	         └──────────────┴──────────────┴────────────────────────────────────────────┘
//	record   ┌──────────────┬──────────────┬──────────────────────────────┐
//	         │ length u32 LE│ CRC-32C LE   │ the event as JSON            │
//	         └──────────────┴──────────────┴──────────────────────────────┘
const (
	segmentMagic     = "weirspl1"
	segmentHeadBytes = 16
	recordHeadBytes  = 8
	segmentSuffix    = ".spool"
)

// ErrSpoolDamaged is returned by NewRecorder when a spool has a record that was written whole and cannot be read now.
var ErrSpoolDamaged = errors.New("the spool is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// spoolFile is what a segment needs of a file; tests put one that fails in its place.
type spoolFile interface {
	io.WriterAt
	io.ReaderAt
	Sync() error
	Truncate(size int64) error
	Close() error
}

// place is where a record begins, or the next one will.
type place struct {
	segment uint64
	offset  int64
}

func (p place) before(q place) bool {
	return p.segment < q.segment || p.segment == q.segment && p.offset < q.offset
}

func segmentName(number uint64) string { return fmt.Sprintf("%016x%s", number, segmentSuffix) }

// segmentNumbers lists the segments of a directory, the oldest first.
func segmentNumbers(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), segmentSuffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(name, 16, 64)
		if err != nil || e.Name() != segmentName(n) {
			return nil, fmt.Errorf("%s is no segment of a spool: %w", filepath.Join(dir, e.Name()), ErrSpoolDamaged)
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return numbers, nil
}

func segmentHead(number uint64) []byte {
	return binary.LittleEndian.AppendUint64([]byte(segmentMagic), number)
}

// appendRecord adds a record to a buffer.
func appendRecord(dst, event []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(event)))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(event, castagnoli))
	return append(dst, event...)
}

// errNoRecord says that there is no whole record at an offset.
var errNoRecord = errors.New("no whole record")

// readRecord reads the record at an offset of a file of size bytes.
func readRecord(f io.ReaderAt, offset, size int64) ([]byte, error) {
	if size-offset < recordHeadBytes {
		return nil, errNoRecord
	}
	var head [recordHeadBytes]byte
	if _, err := f.ReadAt(head[:], offset); err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(head[:4]))
	if length == 0 || length > eventBytesMax || length > size-offset-recordHeadBytes {
		return nil, errNoRecord
	}
	event := make([]byte, length)
	if _, err := f.ReadAt(event, offset+recordHeadBytes); err != nil {
		return nil, err
	}
	if crc32.Checksum(event, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, errNoRecord
	}
	return event, nil
}

// scanSegment finds the end of the whole records of a segment and counts them. A head that is not whole is end 0: the segment was
// being made.
func scanSegment(f io.ReaderAt, number uint64, size int64) (end int64, records int, err error) {
	if size < segmentHeadBytes {
		return 0, 0, nil
	}
	head := make([]byte, segmentHeadBytes)
	if _, err := f.ReadAt(head, 0); err != nil {
		return 0, 0, err
	}
	if string(head) != string(segmentHead(number)) {
		return 0, 0, nil
	}
	end = segmentHeadBytes
	for {
		event, err := readRecord(f, end, size)
		if errors.Is(err, errNoRecord) {
			return end, records, nil
		}
		if err != nil {
			return 0, 0, err
		}
		end += recordHeadBytes + int64(len(event))
		records++
	}
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
