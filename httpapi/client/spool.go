package client

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/weirhq/weir/usage"
)

// spool keeps events on disk until they are delivered. Writers share fsyncs: while one is under way, the next events gather.
//
//	append   records behind the end of the newest segment, fsync, then the caller goes on
//	read     records from where the delivered ones end; one reader
//	ack      moves that place, and deletes the segments before it
//
// The place is kept in the file "delivered" without fsync: losing it delivers events again, which count once.
type spool struct {
	dir      string
	bytesMax int64
	segBytes int64
	open     func(path string) (spoolFile, error)
	lock     *os.File

	mu      sync.Mutex // guards the block below; held during no I/O
	pending *group     // events that wait for a write
	writing bool
	failed  error // after a failed write or fsync nothing more is written: what is on disk is unknown
	end     place // of what is durable
	start   place // of what is not delivered
	records int   // between start and end
	bytes   int64 // of all segments
	grown   chan struct{}

	// Of the writer alone: the goroutine that runs while writing is set.
	writer sync.WaitGroup
	newest spoolFile
	at     place
	// Of the reader alone.
	oldest     spoolFile
	oldestID   uint64
	oldestSize int64
}

// group is events that share a write.
type group struct {
	data    []byte
	records int
	err     error
	done    chan struct{}
}

const (
	deliveredName = "delivered"
	spoolLockName = "LOCK"
)

// openSpool opens a directory, makes it when it is not there, and cuts off a record that was being written when its process ended.
func openSpool(dir string, bytesMax int64, open func(string) (spoolFile, error)) (*spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockSpool(filepath.Join(dir, spoolLockName))
	if err != nil {
		return nil, err
	}
	s := &spool{dir: dir, bytesMax: bytesMax, segBytes: min(segmentBytesDefault, max(bytesMax/8, 4096)), open: open, lock: lock, grown: make(chan struct{}, 1)}
	if err := s.recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("open the spool %s: %w", dir, err), lock.Close())
	}
	return s, nil
}

// recover finds what is there.
func (s *spool) recover() error {
	numbers, err := segmentNumbers(s.dir)
	if err != nil {
		return err
	}
	s.start = readDelivered(filepath.Join(s.dir, deliveredName))
	for i, n := range numbers {
		last := i == len(numbers)-1
		if i > 0 && n != numbers[i-1]+1 {
			return fmt.Errorf("segment %s is missing: %w", segmentName(numbers[i-1]+1), ErrSpoolDamaged)
		}
		if !last && n < s.start.segment {
			if err := os.Remove(filepath.Join(s.dir, segmentName(n))); err != nil {
				return err
			}
			continue
		}
		if err := s.recoverSegment(n, last); err != nil {
			return err
		}
	}
	if len(numbers) == 0 {
		s.at.segment = s.start.segment
		return s.rotate()
	}
	if s.start.segment < numbers[0] || s.end.before(s.start) { // the note is of another spool, or older than what was deleted
		s.start = place{numbers[0], segmentHeadBytes}
		return s.recount(numbers)
	}
	return nil
}

// recoverSegment takes one segment into account. Of the last one, what follows the last whole record is cut off: it was being
// written, and nobody was told that it is safe. In any other it is damage.
func (s *spool) recoverSegment(n uint64, last bool) error {
	f, size, err := s.segment(n)
	if err != nil {
		return err
	}
	end, records, err := scanSegment(f, n, size)
	if err == nil && !last && end != size {
		err = fmt.Errorf("%s: the record at %d cannot be read: %w; move the file away to go on without its rest",
			filepath.Join(s.dir, segmentName(n)), end, ErrSpoolDamaged)
	}
	if err == nil && last && end == 0 {
		if _, err = f.WriteAt(segmentHead(n), 0); err == nil {
			end = segmentHeadBytes
		}
	}
	if err == nil && last {
		err = errors.Join(f.Truncate(end), f.Sync())
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if n == s.start.segment && s.start.offset > segmentHeadBytes {
		if records, err = countFrom(f, s.start.offset, end); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	s.records += records
	s.bytes += end
	s.end = place{n, end}
	if last {
		s.newest, s.at = f, s.end
		return nil
	}
	return f.Close()
}

// countFrom counts the records from a place that an earlier process noted.
func countFrom(f spoolFile, offset, end int64) (int, error) {
	records := 0
	for offset < end {
		event, err := readRecord(f, offset, end)
		if err != nil {
			return 0, fmt.Errorf("the note of what was delivered is wrong: %w; delete the file %s: it delivers again, which changes nothing", err, deliveredName)
		}
		offset += recordHeadBytes + int64(len(event))
		records++
	}
	return records, nil
}

// segment opens a segment that is there.
func (s *spool) segment(n uint64) (f spoolFile, size int64, err error) {
	path := filepath.Join(s.dir, segmentName(n))
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	f, err = s.open(path)
	return f, info.Size(), err
}

// recount counts everything, when the note of what was delivered says nothing of these segments.
func (s *spool) recount(numbers []uint64) error {
	s.records = 0
	for _, n := range numbers {
		f, size, err := s.segment(n)
		if err != nil {
			return err
		}
		_, records, err := scanSegment(f, n, size)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		s.records += records
	}
	return nil
}

// append returns when the events are durable.
func (s *spool) append(ctx context.Context, events [][]byte) error {
	size := int64(0)
	for _, e := range events {
		size += recordHeadBytes + int64(len(e))
	}
	s.mu.Lock()
	if s.failed != nil {
		defer s.mu.Unlock()
		return s.failed
	}
	waiting := int64(0)
	if s.pending != nil {
		waiting = int64(len(s.pending.data))
	}
	if s.bytes+waiting+size > s.bytesMax {
		defer s.mu.Unlock()
		return &usage.Error{Code: usage.CodeOverloaded, Detail: fmt.Sprintf("the spool holds %d events and has no room; weir has been away for long, or takes less than it is given", s.records)}
	}
	if s.pending == nil {
		s.pending = &group{done: make(chan struct{})}
	}
	g := s.pending
	for _, e := range events {
		g.data = appendRecord(g.data, e)
	}
	g.records += len(events)
	if !s.writing { // a caller that wrote would have to go on for all who come meanwhile
		s.writing = true
		s.writer.Go(s.write)
	}
	s.mu.Unlock()
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
		return &usage.Error{Code: usage.CodeOutcomeUnknown, Detail: "the call gave up waiting for the spool's disk (" + ctx.Err().Error() + "); record the event again with the same id"}
	}
}

// write writes groups until none waits. Whoever starts it has set writing.
func (s *spool) write() {
	for {
		s.mu.Lock()
		g := s.pending
		s.pending = nil
		if g == nil {
			s.writing = false
			s.mu.Unlock()
			return
		}
		g.err = s.failed
		s.mu.Unlock()
		if g.err == nil {
			g.err = s.writeGroup(g.data)
		}
		s.mu.Lock()
		if g.err == nil {
			s.end = s.at
			s.records += g.records
			s.bytes += int64(len(g.data))
		} else if s.failed == nil {
			s.failed = fmt.Errorf("the spool has failed, and what it holds is delivered after a restart: %w", g.err)
			g.err = s.failed
		}
		s.mu.Unlock()
		close(g.done)
		signal(s.grown)
	}
}

func (s *spool) writeGroup(data []byte) error {
	if s.at.offset > segmentHeadBytes && s.at.offset+int64(len(data)) > s.segBytes {
		if err := s.newest.Close(); err != nil {
			return err
		}
		if err := s.rotate(); err != nil {
			return err
		}
	}
	if _, err := s.newest.WriteAt(data, s.at.offset); err != nil {
		return err
	}
	if err := s.newest.Sync(); err != nil {
		return err
	}
	s.at.offset += int64(len(data))
	return nil
}

// rotate begins the next segment.
func (s *spool) rotate() error {
	n := s.at.segment + 1
	f, err := s.open(filepath.Join(s.dir, segmentName(n)))
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(segmentHead(n), 0); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), syncDir(s.dir)); err != nil {
		return errors.Join(err, f.Close())
	}
	s.newest, s.at = f, place{n, segmentHeadBytes}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += segmentHeadBytes
	if s.records == 0 && s.end.segment == 0 { // the first one
		s.start, s.end = s.at, s.at
	}
	return nil
}

// read answers events that are not delivered, at most so many and about so many bytes, and the place after them. None: the spool is
// empty.
func (s *spool) read(eventsMax, bytesMax int) ([][]byte, place, error) {
	s.mu.Lock()
	at, end := s.start, s.end
	s.mu.Unlock()
	var out [][]byte
	for size := 0; len(out) < eventsMax && size < bytesMax && at.before(end); {
		if err := s.openOldest(at.segment, end); err != nil {
			return nil, at, err
		}
		if at.offset >= s.oldestSize {
			at = place{at.segment + 1, segmentHeadBytes}
			continue
		}
		event, err := readRecord(s.oldest, at.offset, s.oldestSize)
		if err != nil {
			return nil, at, fmt.Errorf("read %s at %d: %w", segmentName(at.segment), at.offset, errors.Join(err, ErrSpoolDamaged))
		}
		out = append(out, event)
		size += len(event)
		at.offset += recordHeadBytes + int64(len(event))
	}
	return out, at, nil
}

// openOldest opens the segment that is read, and learns how far it may be.
func (s *spool) openOldest(n uint64, end place) error {
	path := filepath.Join(s.dir, segmentName(n))
	if s.oldest == nil || s.oldestID != n {
		if s.oldest != nil {
			_ = s.oldest.Close() // it was only read
			s.oldest = nil
		}
		f, err := s.open(path)
		if err != nil {
			return err
		}
		s.oldest, s.oldestID = f, n
	}
	if n == end.segment {
		s.oldestSize = end.offset
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	s.oldestSize = info.Size()
	return nil
}

// ack notes that n events before a place are delivered, and deletes what nobody reads any more.
func (s *spool) ack(n int, at place) error {
	s.mu.Lock()
	from := s.start.segment
	s.start = at
	s.records -= n
	s.mu.Unlock()
	note := binary.LittleEndian.AppendUint64(nil, at.segment)
	note = binary.LittleEndian.AppendUint64(note, uint64(at.offset))
	note = binary.LittleEndian.AppendUint32(note, crc32.Checksum(note, castagnoli))
	path := filepath.Join(s.dir, deliveredName)
	if err := os.WriteFile(path+".tmp", note, 0o600); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	for n := from; n < at.segment; n++ {
		path := filepath.Join(s.dir, segmentName(n))
		info, err := os.Stat(path)
		if err == nil {
			err = os.Remove(path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if info != nil {
			s.mu.Lock()
			s.bytes -= info.Size()
			s.mu.Unlock()
		}
	}
	return nil
}

// readDelivered reads the note of what was delivered; one that is not there or not whole says nothing.
func readDelivered(path string) place {
	note, err := os.ReadFile(path)
	if err != nil || len(note) != 20 || crc32.Checksum(note[:16], castagnoli) != binary.LittleEndian.Uint32(note[16:]) {
		return place{}
	}
	return place{binary.LittleEndian.Uint64(note), int64(binary.LittleEndian.Uint64(note[8:]))}
}

func (s *spool) more() <-chan struct{} { return s.grown }

func (s *spool) size() (events int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records, s.bytes
}

// refuse implements queue: nobody waits for room here.
func (s *spool) refuse() {}

// close ends it. Nobody appends or reads any more.
func (s *spool) close() error {
	s.writer.Wait() // for groups whose callers have given up
	var errs []error
	if s.oldest != nil {
		errs = append(errs, s.oldest.Close())
	}
	return errors.Join(append(errs, s.newest.Close(), s.lock.Close())...)
}

// signal wakes whoever waits, once.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
