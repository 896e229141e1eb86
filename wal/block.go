package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// This file holds what encoder and decoder of a block share: the frame, the limits and the
// errors. A block is the unit of the log: the items that one commit makes durable.
//
//	+-------+----------+---------------+-------+------------+-----------+---------+
//	| magic | CRC-32C  | log time      | items | text heap  | raw heap  | columns |
//	| 1     | 4, LE    | 8, LE, signed | uvar  | section    | section   | ...     |
//	+-------+----------+---------------+-------+------------+-----------+---------+
//
// The values of one field of all items lie together (a column), because neighbours of one
// kind are alike: integers are packed in as few bits as the widest needs, strings are
// numbered by a dictionary, and a field that never varies costs nothing per item. Column
// formats are in bitpack.go (integers), dictionary.go (strings) and metadata.go; the order
// of the columns is the order of the statements of BlockEncoder.appendColumns, and every byte is
// described in docs/FORMAT.md.

// Limits of a block. The decoder refuses what exceeds them, before it allocates.
const (
	// BlockItemsMax is how many items a block holds: enough to spread one fsync (150 us) to
	// under 0.1 us per item, few enough that a block is applied in about a millisecond.
	BlockItemsMax = 4096

	// BlockEncodedBytesClose is the encoded size at which a block takes no more items. Raft
	// suggests entries below 512 KiB, because heartbeats wait behind them.
	BlockEncodedBytesClose = 256 << 10

	// ItemEncodedBytesMax bounds what one item may add, see [EncodedSizeBound]. Items are
	// never split, so a larger one is refused at the door.
	ItemEncodedBytesMax = 64 << 10

	// BlockEncodedBytesMax is the size of the largest block: one item may cross the line,
	// and it brings its fixed part.
	BlockEncodedBytesMax = BlockEncodedBytesClose + ItemEncodedBytesMax + BlockOverheadMax

	// BlockOverheadMax bounds the fixed part of a block: the frame (14 bytes), two heap
	// headers (2 x 6), the unit of the times (1), and at most 32 columns of at most 12
	// bytes of header each.
	BlockOverheadMax = 512

	// BlockDecodedBytesMax bounds the sum of [DecodedSize] of a block's items, so that a
	// small hostile block cannot grow without bound in memory.
	BlockDecodedBytesMax = 4 << 20
)

const (
	blockMagicV1    = 0xB1 // high nibble: a block; low nibble: the version of its layout
	blockHeaderSize = 1 + 4 + 8
)

var blockCRCTable = crc32.MakeTable(crc32.Castagnoli)

// BlockHeader is what a block says about all of its items.
type BlockHeader struct {
	LogTimeNanos int64 // log time of the commit, nanoseconds since the Unix epoch
}

// Errors of decoding. All of them mean: stop; nothing after this block can be trusted.
var (
	// ErrCorrupt is returned when stored bytes cannot be what was written. The error in the
	// chain is a *CorruptError.
	ErrCorrupt = errors.New("corrupt data")

	// ErrUnknownVersion is returned for a block of a layout that this program does not know.
	ErrUnknownVersion = errors.New("unknown block version: written by a newer weir, or not a block")

	// ErrUnknownKind is returned for a block with an item kind that this program does not
	// know. It must not be skipped: the state that follows depends on it.
	ErrUnknownKind = errors.New("unknown item kind: written by a newer weir")
)

// CorruptError says what is wrong with stored bytes, and where.
type CorruptError struct {
	What   string // what was being read, and what is wrong with it
	Offset int    // byte offset in the value at which it was noticed
}

// Error describes the damage.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%v: %s (at byte %d)", ErrCorrupt, e.What, e.Offset)
}

// Is makes errors.Is(err, ErrCorrupt) hold.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

// BlockTime returns the log time of a block, in unix nanoseconds, without decoding its items. It checks the frame.
func BlockTime(block []byte) (int64, error) {
	if err := blockOpen(block); err != nil {
		return 0, err
	}
	return int64(binary.LittleEndian.Uint64(block[5:])), nil
}

// blockSeal writes the checksum over everything after it into a finished block.
func blockSeal(block []byte) {
	binary.LittleEndian.PutUint32(block[1:], crc32.Checksum(block[5:], blockCRCTable))
}

// blockOpen verifies the frame of a block.
func blockOpen(block []byte) error {
	switch {
	case len(block) < blockHeaderSize+1:
		return &CorruptError{"block shorter than its header", len(block)}
	case block[0] != blockMagicV1:
		return fmt.Errorf("%w (first byte %#02x)", ErrUnknownVersion, block[0])
	case len(block) > BlockEncodedBytesMax:
		return &CorruptError{"block larger than any block", BlockEncodedBytesMax}
	case binary.LittleEndian.Uint32(block[1:]) != crc32.Checksum(block[5:], blockCRCTable):
		return &CorruptError{"block checksum does not match", 1}
	}
	return nil
}
