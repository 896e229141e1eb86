package wal

import "fmt"

// ClassBytes estimates what the rows of some classes of the state take on the disk, without reading them.
func (s *Store) ClassBytes(classes ...byte) (size uint64, err error) {
	if err := s.enterHealthy(); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	for _, class := range classes {
		lower, upper := ClassBounds(class)
		n, err := s.state.EstimateDiskUsage(lower, upper)
		if err != nil {
			return 0, fmt.Errorf("size of class %q: %w", class, corruption(err))
		}
		size += n
	}
	return size, nil
}

// RunBytes estimates what the dedup runs take on the disk.
func (s *Store) RunBytes() (uint64, error) { return s.ClassBytes(runChunkClass, runFilterClass) }

// BaseBytes returns the size of the files of the base; 0 when there is none.
func (s *Store) BaseBytes() (size int64, err error) {
	if err := s.enterHealthy(); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	dir := s.fs.PathJoin(s.dir, baseDirName, stateDirName)
	names, err := s.fs.List(dir)
	if isNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if info, err := s.fs.Stat(s.fs.PathJoin(dir, name)); err == nil { // gone meanwhile is no size
			size += info.Size()
		}
	}
	return size, nil
}
