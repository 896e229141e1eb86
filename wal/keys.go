package wal

import (
	"encoding/binary"
	"fmt"
)

// Every key of the store is built and parsed here. The first byte is the class of a key;
// what follows is fixed-width and big-endian, so that the order of keys is the order of the
// tuples they stand for:
//
//	log:    b  index u64                                     a block of events
//	state:  m                                                meta of the newest checkpoint
//	        c  name                                          configuration, by name
//	        i  run u64, chunk u32                            chunk of a dedup run (run.go)
//	        p  tenant u32, meter u32, level u8, page i64*    page of buckets
//	        r  run u64, part u32                             filter of a dedup run (run.go)
//	        R                                                manifest of the dedup runs
//	        s  tenant u32, meter u32                         series
//	        t  tenant u32                                    tenant
//	        u  tenant u32, first number u32                  names of users
//
// i64* has its sign bit flipped, so that negative pages sort before positive ones.

// Classes of keys: the first byte.
const (
	ClassBlock  = 'b'
	ClassMeta   = 'm'
	ClassConfig = 'c'
	ClassPage   = 'p'
	ClassSeries = 's'
	ClassTenant = 't'
	ClassUsers  = 'u'
)

const signBit = 1 << 63

// stateClass reports whether class may stand first in a key of the state.
func stateClass(class byte) bool {
	switch class {
	case ClassConfig, ClassPage, ClassSeries, ClassTenant, ClassUsers,
		ClassMeta, runManifestClass, runChunkClass, runFilterClass:
		return true
	}
	return false
}

// ClassBounds returns the half-open range of all keys of a class.
func ClassBounds(class byte) (lower, upper []byte) {
	return []byte{class}, []byte{class + 1}
}

// appendBlockKey appends the key of the block at index.
func appendBlockKey(dst []byte, index uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, ClassBlock), index)
}

// parseBlockKey returns the index of a block's key.
func parseBlockKey(key []byte) (index uint64, err error) {
	if err := checkKey(key, ClassBlock, 8); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(key[1:]), nil
}

// metaKey is the one key of class 'm'.
func metaKey() []byte { return []byte{ClassMeta} }

// AppendConfigKey appends the key of a configuration row.
func AppendConfigKey(dst []byte, name string) []byte {
	return append(append(dst, ClassConfig), name...)
}

// ParseConfigKey returns the name in a configuration key.
func ParseConfigKey(key []byte) (name string, err error) {
	if len(key) == 0 || key[0] != ClassConfig {
		return "", badKey(key, ClassConfig)
	}
	return string(key[1:]), nil
}

// AppendTenantKey appends the key of a tenant's row.
func AppendTenantKey(dst []byte, tenant uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, ClassTenant), tenant)
}

// ParseTenantKey returns the number in a tenant's key.
func ParseTenantKey(key []byte) (tenant uint32, err error) {
	if err := checkKey(key, ClassTenant, 4); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(key[1:]), nil
}

// AppendUsersKey appends the key of a list of user names: those of the numbers from first on.
func AppendUsersKey(dst []byte, tenant, first uint32) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, ClassUsers), tenant)
	return binary.BigEndian.AppendUint32(dst, first)
}

// ParseUsersKey is the inverse of [AppendUsersKey].
func ParseUsersKey(key []byte) (tenant, first uint32, err error) {
	if err := checkKey(key, ClassUsers, 8); err != nil {
		return 0, 0, err
	}
	return binary.BigEndian.Uint32(key[1:]), binary.BigEndian.Uint32(key[5:]), nil
}

// AppendSeriesKey appends the key of a series: one meter of one tenant.
func AppendSeriesKey(dst []byte, tenant, meter uint32) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, ClassSeries), tenant)
	return binary.BigEndian.AppendUint32(dst, meter)
}

// ParseSeriesKey is the inverse of [AppendSeriesKey].
func ParseSeriesKey(key []byte) (tenant, meter uint32, err error) {
	if err := checkKey(key, ClassSeries, 8); err != nil {
		return 0, 0, err
	}
	return binary.BigEndian.Uint32(key[1:]), binary.BigEndian.Uint32(key[5:]), nil
}

// AppendPageKey appends the key of a page of buckets of one series and level.
func AppendPageKey(dst []byte, tenant, meter uint32, level uint8, page int64) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, ClassPage), tenant)
	dst = binary.BigEndian.AppendUint32(dst, meter)
	return binary.BigEndian.AppendUint64(append(dst, level), uint64(page)^signBit)
}

// ParsePageKey is the inverse of [AppendPageKey].
func ParsePageKey(key []byte) (tenant, meter uint32, level uint8, page int64, err error) {
	if err := checkKey(key, ClassPage, 17); err != nil {
		return 0, 0, 0, 0, err
	}
	return binary.BigEndian.Uint32(key[1:]), binary.BigEndian.Uint32(key[5:]), key[9],
		int64(binary.BigEndian.Uint64(key[10:]) ^ signBit), nil
}

// checkKey verifies class and size; size is that of what follows the class.
func checkKey(key []byte, class byte, size int) error {
	if len(key) != 1+size || key[0] != class {
		return badKey(key, class)
	}
	return nil
}

func badKey(key []byte, class byte) error {
	return fmt.Errorf("key %x of class %q: %w", key, class,
		&CorruptError{What: "key of the wrong class or size", Offset: 0})
}
