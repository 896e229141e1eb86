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
//	        k  index u64                                     a block put aside when the log was cut
//	state:  a  number u64                                    entry of the audit log
//	        c  name                                          configuration, by name
//	        d  meter u32, tenant u32, page i64*              page of days
//	        g  meter u32, tenant u32, family u8, level u8, bucket i64*   bucket by groups
//	        f  level u8, chunk u64                           facts of blocks, by 256
//	        h  tenant u32, id hash u128                      reservation or lease
//	        i  run u64, chunk u32                            chunk of a dedup run (run.go)
//	        m                                                meta of the newest checkpoint
//	        n  tenant u32                                    account: a tenant's configuration
//	        o  number u64                                    crossing in the outbox
//	        p  meter u32, tenant u32, level u8, page i64*    page of buckets shorter than a day
//	        q  tenant u32, user u32                          ledger: counters of quotas
//	        r  run u64, part u32                             filter of a dedup run (run.go)
//	        R                                                manifest of the dedup runs
//	        s  meter u32, tenant u32                         series
//	        t  tenant u32                                    tenant
//	        u  tenant u32, first number u32                  names of users
//	        w  meter u32, day i64*                           totals of all tenants
//	        v  tenant u32, block u64, position u16           item that was taken back
//	        x  tenant u32, chunk u32                         blocks of a tenant, by 65,536
//	        y  tenant u32, number u64                        crossing of a tenant: its number in the outbox
//
// i64* has its sign bit flipped, so that negative pages, buckets and days sort before positive ones.
//
// Series go by meter first, and days have a class of their own: what all tenants used of a meter in some days is one run of
// neighbouring rows.

// Classes of keys: the first byte.
const (
	ClassAudit   = 'a'
	ClassBlock   = 'b'
	classAside   = 'k'
	ClassConfig  = 'c'
	ClassDay     = 'd'
	ClassGroup   = 'g'
	ClassFacts   = 'f'
	ClassHold    = 'h'
	ClassMeta    = 'm'
	ClassAccount = 'n'
	ClassOutbox  = 'o'
	ClassPage    = 'p'
	ClassLedger  = 'q'
	ClassSeries  = 's'
	ClassTenant  = 't'
	ClassUsers   = 'u'
	ClassTotals  = 'w'
	ClassVoid    = 'v'
	ClassBlocks  = 'x'
	ClassCrossed = 'y'
)

const signBit = 1 << 63

// stateClass reports whether class may stand first in a key of the state.
func stateClass(class byte) bool {
	switch class {
	case ClassAccount, ClassAudit, ClassBlocks, ClassConfig, ClassCrossed, ClassDay, ClassFacts, ClassGroup, ClassHold, ClassLedger, ClassOutbox, ClassPage,
		ClassSeries, ClassTenant, ClassTotals, ClassUsers, ClassVoid,
		ClassMeta, runManifestClass, runChunkClass, runFilterClass:
		return true
	}
	return false
}

// EngineClass reports whether rows of a class are the engine's, and not of this package.
func EngineClass(class byte) bool {
	return stateClass(class) && engineKey([]byte{class}) == nil
}

// ClassBounds returns the half-open range of all keys of a class.
func ClassBounds(class byte) (lower, upper []byte) {
	return []byte{class}, []byte{class + 1}
}

// appendBlockKey appends the key of the block at index.
func appendBlockKey(dst []byte, index uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, ClassBlock), index)
}

// appendAsideKey appends the key of a block that was put aside.
func appendAsideKey(dst []byte, index uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, classAside), index)
}

// parseBlockKey returns the index of a block's key.
func parseBlockKey(key []byte) (index uint64, err error) {
	if err := checkKey(key, ClassBlock, 8); err != nil {
		return 0, err
	}
	return blockOf(key), nil
}

// blockOf returns the index in a checked key of a block.
func blockOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[1:]) }

// metaKey is the one key of class 'm'.
func metaKey() []byte { return []byte{ClassMeta} }

// AppendConfigKey appends the key of a configuration row.
func AppendConfigKey(dst []byte, name string) []byte {
	return append(append(dst, ClassConfig), name...)
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
	return appendSeries(append(dst, ClassSeries), tenant, meter)
}

// ParseSeriesKey is the inverse of [AppendSeriesKey].
func ParseSeriesKey(key []byte) (tenant, meter uint32, err error) {
	if err := checkKey(key, ClassSeries, 8); err != nil {
		return 0, 0, err
	}
	tenant, meter = seriesOf(key)
	return tenant, meter, nil
}

// appendSeries appends what keys of series have after their class.
func appendSeries(dst []byte, tenant, meter uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(dst, meter), tenant)
}

// seriesOf is the inverse of appendSeries, of a key that was checked.
func seriesOf(key []byte) (tenant, meter uint32) {
	return binary.BigEndian.Uint32(key[5:]), binary.BigEndian.Uint32(key[1:])
}

// AppendAuditKey appends the key of an entry of the audit log; entries are numbered from 1.
func AppendAuditKey(dst []byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, ClassAudit), number)
}

// AppendOutboxKey appends the key of a crossing in the outbox; crossings are numbered from 1.
func AppendOutboxKey(dst []byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, ClassOutbox), number)
}

// AppendCrossedKey appends the key that says that a crossing in the outbox is of a tenant.
func AppendCrossedKey(dst []byte, tenant uint32, number uint64) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, ClassCrossed), tenant)
	return binary.BigEndian.AppendUint64(dst, number)
}

// ParseCrossedKey is the inverse of [AppendCrossedKey].
func ParseCrossedKey(key []byte) (tenant uint32, number uint64, err error) {
	if err := checkKey(key, ClassCrossed, 12); err != nil {
		return 0, 0, err
	}
	return binary.BigEndian.Uint32(key[1:]), binary.BigEndian.Uint64(key[5:]), nil
}

// ParseNumber returns the number in a key of the audit or the outbox.
func ParseNumber(key []byte, class byte) (uint64, error) {
	if err := checkKey(key, class, 8); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(key[1:]), nil
}

// AppendAccountKey appends the key of a tenant's configuration.
func AppendAccountKey(dst []byte, tenant uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, ClassAccount), tenant)
}

// ParseAccountKey returns the tenant of an account's key.
func ParseAccountKey(key []byte) (tenant uint32, err error) {
	if err := checkKey(key, ClassAccount, 4); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(key[1:]), nil
}

// AppendLedgerKey appends the key of the quota counters of a user, or of the tenant itself (user 0).
func AppendLedgerKey(dst []byte, tenant, user uint32) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, ClassLedger), tenant)
	return binary.BigEndian.AppendUint32(dst, user)
}

// ParseLedgerKey is the inverse of [AppendLedgerKey].
func ParseLedgerKey(key []byte) (tenant, user uint32, err error) {
	if err := checkKey(key, ClassLedger, 8); err != nil {
		return 0, 0, err
	}
	return binary.BigEndian.Uint32(key[1:]), binary.BigEndian.Uint32(key[5:]), nil
}

// AppendHoldKey appends the key of a reservation or lease.
func AppendHoldKey(dst []byte, tenant uint32, id Hash) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, ClassHold), tenant)
	dst = binary.BigEndian.AppendUint64(dst, id.Hi)
	return binary.BigEndian.AppendUint64(dst, id.Lo)
}

// ParseHoldKey is the inverse of [AppendHoldKey].
func ParseHoldKey(key []byte) (tenant uint32, id Hash, err error) {
	if err := checkKey(key, ClassHold, 20); err != nil {
		return 0, Hash{}, err
	}
	return binary.BigEndian.Uint32(key[1:]),
		Hash{binary.BigEndian.Uint64(key[5:]), binary.BigEndian.Uint64(key[13:])}, nil
}

// AppendFactsKey appends the key of the facts of 256 neighbours: blocks at level 0, rows of the level below above it.
func AppendFactsKey(dst []byte, level uint8, chunk uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, ClassFacts, level), chunk)
}

// AppendBlocksKey appends the key of the [BlockSet] of a tenant: its blocks from chunk x 65,536 on. Tenant 0 stands for the
// blocks of configuration.
func AppendBlocksKey(dst []byte, tenant, chunk uint32) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, ClassBlocks), tenant)
	return binary.BigEndian.AppendUint32(dst, chunk)
}

// AppendVoidKey appends the key of an item that was taken back: its place in the log.
func AppendVoidKey(dst []byte, tenant uint32, block uint64, position uint16) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, ClassVoid), tenant)
	dst = binary.BigEndian.AppendUint64(dst, block)
	return binary.BigEndian.AppendUint16(dst, position)
}

// ParseVoidKey is the inverse of [AppendVoidKey].
func ParseVoidKey(key []byte) (tenant uint32, block uint64, position uint16, err error) {
	if err := checkKey(key, ClassVoid, 14); err != nil {
		return 0, 0, 0, err
	}
	return binary.BigEndian.Uint32(key[1:]), binary.BigEndian.Uint64(key[5:]), binary.BigEndian.Uint16(key[13:]), nil
}

// AppendDayKey appends the key of a page of days of one series.
func AppendDayKey(dst []byte, tenant, meter uint32, page int64) []byte {
	return binary.BigEndian.AppendUint64(appendSeries(append(dst, ClassDay), tenant, meter), uint64(page)^signBit)
}

// ParseDayKey is the inverse of [AppendDayKey].
func ParseDayKey(key []byte) (tenant, meter uint32, page int64, err error) {
	if err := checkKey(key, ClassDay, 16); err != nil {
		return 0, 0, 0, err
	}
	tenant, meter = seriesOf(key)
	return tenant, meter, int64(binary.BigEndian.Uint64(key[9:]) ^ signBit), nil
}

// AppendPageKey appends the key of a page of buckets of one series and a level below days.
func AppendPageKey(dst []byte, tenant, meter uint32, level uint8, page int64) []byte {
	dst = appendSeries(append(dst, ClassPage), tenant, meter)
	return binary.BigEndian.AppendUint64(append(dst, level), uint64(page)^signBit)
}

// ParsePageKey is the inverse of [AppendPageKey].
func ParsePageKey(key []byte) (tenant, meter uint32, level uint8, page int64, err error) {
	if err := checkKey(key, ClassPage, 17); err != nil {
		return 0, 0, 0, 0, err
	}
	tenant, meter = seriesOf(key)
	return tenant, meter, key[9], int64(binary.BigEndian.Uint64(key[10:]) ^ signBit), nil
}

// AppendGroupKey appends the key of a bucket of one series and level that is kept by the groups of a family.
func AppendGroupKey(dst []byte, tenant, meter uint32, family, level uint8, bucket int64) []byte {
	dst = appendSeries(append(dst, ClassGroup), tenant, meter)
	return binary.BigEndian.AppendUint64(append(dst, family, level), uint64(bucket)^signBit)
}

// ParseGroupKey is the inverse of [AppendGroupKey].
func ParseGroupKey(key []byte) (tenant, meter uint32, family, level uint8, bucket int64, err error) {
	if err := checkKey(key, ClassGroup, 18); err != nil {
		return 0, 0, 0, 0, 0, err
	}
	tenant, meter = seriesOf(key)
	return tenant, meter, key[9], key[10], int64(binary.BigEndian.Uint64(key[11:]) ^ signBit), nil
}

// AppendTotalsKey appends the key of what all tenants counted of a meter on a UTC day (days since 1970).
func AppendTotalsKey(dst []byte, meter uint32, day int64) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, ClassTotals), meter)
	return binary.BigEndian.AppendUint64(dst, uint64(day)^signBit)
}

// ParseTotalsKey is the inverse of [AppendTotalsKey].
func ParseTotalsKey(key []byte) (meter uint32, day int64, err error) {
	if err := checkKey(key, ClassTotals, 12); err != nil {
		return 0, 0, err
	}
	return binary.BigEndian.Uint32(key[1:]), int64(binary.BigEndian.Uint64(key[5:]) ^ signBit), nil
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
