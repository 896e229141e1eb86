package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// openTest opens a spool with small segments.
func openTest(t testing.TB, dir string) *spool {
	t.Helper()
	s, err := openSpool(dir, 64<<10, openSpoolFile)
	require.NoError(t, err)
	return s
}

// drain reads everything without acknowledging it.
func drain(t testing.TB, s *spool) []string {
	t.Helper()
	events, _, err := s.read(1<<20, 1<<30)
	require.NoError(t, err)
	out := make([]string, len(events))
	for i, e := range events {
		out[i] = string(e)
	}
	return out
}

func put(t testing.TB, s *spool, events ...string) {
	t.Helper()
	texts := make([][]byte, len(events))
	for i, e := range events {
		texts[i] = []byte(e)
	}
	require.NoError(t, s.append(t.Context(), texts))
}

func TestSpoolKeepsOrderThroughRestarts(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for round := range 5 {
		s := openTest(t, dir)
		require.Equal(t, want, append([]string(nil), drain(t, s)...))
		for i := range 200 { // several segments
			e := fmt.Sprintf(`{"round":%d,"n":%d,"pad":"%050d"}`, round, i, i)
			put(t, s, e)
			want = append(want, e)
		}
		events, at, err := s.read(130, 1<<30)
		require.NoError(t, err)
		require.Len(t, events, 130)
		require.NoError(t, s.ack(len(events), at))
		want = want[130:]
		n, _ := s.size()
		require.Equal(t, len(want), n)
		require.NoError(t, s.close())
	}
	s := openTest(t, dir)
	n, _ := s.size()
	require.Equal(t, len(want), n)
	require.Equal(t, want, drain(t, s))
	// Without the note of what was delivered everything that is there is delivered again.
	require.NoError(t, s.close())
	require.NoError(t, os.Remove(filepath.Join(dir, deliveredName)))
	s = openTest(t, dir)
	again := drain(t, s)
	require.Equal(t, want, again[len(again)-len(want):])
	n, _ = s.size()
	require.Equal(t, len(again), n)
	require.NoError(t, s.close())
}

// TestSpoolCutAnywhere cuts the newest segment at every length, as a power cut may: what had been acknowledged by that length is
// found, and what is found is a prefix of what was written.
func TestSpoolCutAnywhere(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	var all []string
	var durable []int64 // the length of the file when the n-th event was acknowledged
	for i := range 5 {
		e := fmt.Sprintf(`{"n":%d,"x":"%0*d"}`, i, i*3, 0)
		put(t, s, e)
		all = append(all, e)
		durable = append(durable, s.at.offset)
	}
	require.NoError(t, s.close())
	name := segmentName(1)
	text, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	for cut := range len(text) + 1 {
		for _, flip := range []bool{false, true} {
			copied := t.TempDir()
			part := append([]byte(nil), text[:cut]...)
			if flip && cut > 0 { // the last sector held noise
				part[cut-1] ^= 0x5a
			}
			require.NoError(t, os.WriteFile(filepath.Join(copied, name), part, 0o600))
			s := openTest(t, copied)
			found := drain(t, s)
			require.Equal(t, all[:len(found)], append([]string{}, found...))
			whole := cut
			if flip {
				whole--
			}
			for i, at := range durable {
				if int64(whole) >= at {
					require.Greater(t, len(found), i, "cut at %d", cut)
				}
			}
			put(t, s, `{"after":1}`) // it goes on
			require.Equal(t, append(append([]string{}, found...), `{"after":1}`), drain(t, s))
			require.NoError(t, s.close())
		}
	}
}

func TestSpoolDamage(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	for i := range 300 {
		put(t, s, fmt.Sprintf(`{"n":%d,"pad":"%050d"}`, i, i))
	}
	require.NoError(t, s.close())
	numbers, err := segmentNumbers(dir)
	require.NoError(t, err)
	require.Greater(t, len(numbers), 2)
	path := filepath.Join(dir, segmentName(numbers[0]))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	text[40] ^= 1
	require.NoError(t, os.WriteFile(path, text, 0o600))
	_, err = openSpool(dir, 64<<10, openSpoolFile)
	require.ErrorIs(t, err, ErrSpoolDamaged)
	require.ErrorContains(t, err, segmentName(numbers[0]))
	text[40] ^= 1
	require.NoError(t, os.WriteFile(path, text, 0o600))
	require.NoError(t, os.Rename(filepath.Join(dir, segmentName(numbers[1])), filepath.Join(dir, "away")))
	_, err = openSpool(dir, 64<<10, openSpoolFile)
	require.ErrorIs(t, err, ErrSpoolDamaged)
	require.ErrorContains(t, err, "missing")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "zz.spool"), nil, 0o600))
	_, err = openSpool(dir, 64<<10, openSpoolFile)
	require.ErrorIs(t, err, ErrSpoolDamaged)
}

func TestSpoolHasOneOwner(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	_, err := openSpool(dir, 64<<10, openSpoolFile)
	require.ErrorContains(t, err, "another recorder")
	require.NoError(t, s.close())
	require.NoError(t, openTest(t, dir).close())
}

func TestSpoolIsBounded(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	n := 0
	var err error
	for err == nil {
		if err = s.append(t.Context(), [][]byte{fmt.Appendf(nil, `{"n":%d,"pad":"%0200d"}`, n, 0)}); err == nil {
			n++
		}
	}
	require.Equal(t, usage.CodeOverloaded, usage.Code(err))
	require.Greater(t, n, 200)
	size := int64(0)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		size += info.Size()
	}
	require.LessOrEqual(t, size, int64(64<<10))
	events, at, err := s.read(n/2, 1<<30)
	require.NoError(t, err)
	require.NoError(t, s.ack(len(events), at))
	put(t, s, `{"there":"is room again"}`)
	require.Len(t, drain(t, s), n-n/2+1)
	require.NoError(t, s.close())
}

// faulty is a file whose n-th write or sync fails, and every one after it; a failed write leaves half of its bytes.
type faulty struct {
	spoolFile
	left *int
}

var errFault = errors.New("injected fault")

func (f faulty) WriteAt(p []byte, off int64) (int, error) {
	if *f.left--; *f.left < 0 {
		n, _ := f.spoolFile.WriteAt(p[:len(p)/2], off) // what a torn write leaves
		return n, errFault
	}
	return f.spoolFile.WriteAt(p, off)
}

func (f faulty) Sync() error {
	if *f.left--; *f.left < 0 {
		return errFault
	}
	return f.spoolFile.Sync()
}

// TestSpoolFaults: whichever write or sync fails first, what was acknowledged is found by the next process, and nothing is
// acknowledged after the failure.
func TestSpoolFaults(t *testing.T) {
	for n := 0; ; n++ {
		dir := t.TempDir()
		left := n
		open := func(path string) (spoolFile, error) {
			f, err := openSpoolFile(path)
			return faulty{f, &left}, err
		}
		s, err := openSpool(dir, 64<<10, open)
		if err != nil {
			require.ErrorIs(t, err, errFault)
			require.NoError(t, openTest(t, dir).close())
			continue
		}
		var acked []string
		failed := false
		for i := range 20 {
			e := fmt.Sprintf(`{"n":%d,"pad":"%0500d"}`, i, 0)
			err := s.append(t.Context(), [][]byte{[]byte(e)})
			if err != nil {
				require.ErrorIs(t, err, errFault)
				failed = true
			} else {
				require.False(t, failed, "acknowledged after a failure")
				acked = append(acked, e)
			}
		}
		_ = s.close() // it may fail, too
		s = openTest(t, dir)
		found := drain(t, s)
		require.GreaterOrEqual(t, len(found), len(acked), "fault %d", n)
		require.Equal(t, acked, append([]string(nil), found[:len(acked)]...))
		require.NoError(t, s.close())
		if !failed {
			require.Greater(t, n, 40)
			return
		}
	}
}

func TestSpoolConcurrent(t *testing.T) {
	s := openTest(t, t.TempDir())
	var wg sync.WaitGroup
	const writers, each = 16, 20
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := s.append(context.Background(), [][]byte{fmt.Appendf(nil, `{"w":%d,"i":%d}`, w, i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen := make(map[string]bool)
	for len(seen) < writers*each {
		events, at, err := s.read(7, 1<<20)
		require.NoError(t, err)
		for _, e := range events {
			require.False(t, seen[string(e)])
			seen[string(e)] = true
		}
		require.NoError(t, s.ack(len(events), at))
		if len(events) == 0 {
			<-s.more()
		}
	}
	wg.Wait()
	n, _ := s.size()
	require.Zero(t, n)
	require.NoError(t, s.close())
}

// FuzzSpool opens a spool of any bytes: no panic, and what is read once is read again the same.
func FuzzSpool(f *testing.F) {
	f.Add(append(segmentHead(1), appendRecord(appendRecord(nil, []byte(`{}`)), []byte(`{"a":1}`))...), []byte(nil))
	f.Add(segmentHead(1)[:9], make([]byte, 20))
	f.Add([]byte{}, []byte("x"))
	f.Fuzz(func(t *testing.T, segment, note []byte) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, segmentName(1)), segment, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, deliveredName), note, 0o600))
		s, err := openSpool(dir, 64<<10, openSpoolFile)
		if err != nil {
			return
		}
		events, _, err := s.read(1000, 1<<20)
		if err == nil {
			again, _, err := s.read(1000, 1<<20)
			require.NoError(t, err)
			require.Equal(t, events, again)
		}
		require.NoError(t, s.close())
	})
}
