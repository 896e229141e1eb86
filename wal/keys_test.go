package wal

import (
	"bytes"
	"cmp"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The order of keys is the order of what they stand for, and parsing gives it back.
func TestKeyOrder(t *testing.T) {
	type page struct {
		tenant, meter uint32
		level         uint8
		page          int64
	}
	compare := func(a, b page) int {
		return cmp.Or(cmp.Compare(a.meter, b.meter), cmp.Compare(a.tenant, b.tenant),
			cmp.Compare(a.level, b.level), cmp.Compare(a.page, b.page))
	}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) page {
			// Few small numbers, so that prefixes are often equal.
			small := rapid.Uint32Range(0, 2)
			return page{
				small.Draw(t, name+" tenant"), small.Draw(t, name+" meter"),
				uint8(small.Draw(t, name+" level")), rapid.Int64().Draw(t, name+" page"),
			}
		}
		key := func(p page) []byte { return AppendPageKey(nil, p.tenant, p.meter, p.level, p.page) }
		a, b := draw("a"), draw("b")
		require.Equal(t, compare(a, b), bytes.Compare(key(a), key(b)))
		var got page
		var err error
		got.tenant, got.meter, got.level, got.page, err = ParsePageKey(key(a))
		require.NoError(t, err)
		require.Equal(t, a, got)
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Uint32().Draw(t, "a"), rapid.Uint32().Draw(t, "b")
		c, d := rapid.Uint64().Draw(t, "c"), rapid.Uint64().Draw(t, "d")
		require.Equal(t, cmp.Compare(c, d), bytes.Compare(appendBlockKey(nil, c), appendBlockKey(nil, d)))
		require.Equal(t, cmp.Compare(a, b), bytes.Compare(AppendTenantKey(nil, a), AppendTenantKey(nil, b)))
		want := cmp.Or(cmp.Compare(a, b), cmp.Compare(uint32(c), uint32(d)))
		require.Equal(t, want, bytes.Compare(AppendUsersKey(nil, a, uint32(c)), AppendUsersKey(nil, b, uint32(d))))
		require.Equal(t, want, bytes.Compare(AppendSeriesKey(nil, uint32(c), a), AppendSeriesKey(nil, uint32(d), b)), "by meter first")

		index, err := parseBlockKey(appendBlockKey(nil, c))
		require.NoError(t, err)
		require.Equal(t, c, index)
		tenant, err := ParseTenantKey(AppendTenantKey(nil, a))
		require.NoError(t, err)
		require.Equal(t, a, tenant)
		x, y, err := ParseUsersKey(AppendUsersKey(nil, a, b))
		require.NoError(t, err)
		require.Equal(t, []uint32{a, b}, []uint32{x, y})
		x, y, err = ParseLedgerKey(AppendLedgerKey(nil, a, b))
		require.NoError(t, err)
		require.Equal(t, []uint32{a, b}, []uint32{x, y})
		tenant, hash, err := ParseHoldKey(AppendHoldKey(nil, a, Hash{c, d}))
		require.NoError(t, err)
		require.Equal(t, a, tenant)
		require.Equal(t, Hash{c, d}, hash)
		tenant, err = ParseAccountKey(AppendAccountKey(nil, b))
		require.NoError(t, err)
		require.Equal(t, b, tenant)
		number, err := ParseNumber(AppendOutboxKey(nil, c), ClassOutbox)
		require.NoError(t, err)
		require.Equal(t, c, number)
		number, err = ParseNumber(AppendAuditKey(nil, d), ClassAudit)
		require.NoError(t, err)
		require.Equal(t, d, number)
		x, y, err = ParseSeriesKey(AppendSeriesKey(nil, a, b))
		require.NoError(t, err)
		require.Equal(t, []uint32{a, b}, []uint32{x, y})
		tenant, meter, family, level, bucket, err := ParseGroupKey(AppendGroupKey(nil, a, b, 1, 2, int64(c)))
		require.NoError(t, err)
		require.Equal(t, []any{a, b, uint8(1), uint8(2), int64(c)}, []any{tenant, meter, family, level, bucket})
		require.Equal(t, cmp.Or(cmp.Compare(a, b), cmp.Compare(int64(c), int64(d))),
			bytes.Compare(AppendGroupKey(nil, a, 1, 0, 1, int64(c)), AppendGroupKey(nil, b, 1, 0, 1, int64(d))))
		tenant, meter, page, err := ParseDayKey(AppendDayKey(nil, a, b, int64(c)))
		require.NoError(t, err)
		require.Equal(t, []any{a, b, int64(c)}, []any{tenant, meter, page})
		require.Equal(t, cmp.Or(cmp.Compare(a, b), cmp.Compare(int64(c), int64(d))),
			bytes.Compare(AppendDayKey(nil, a, 1, int64(c)), AppendDayKey(nil, b, 1, int64(d))))
		tenant, day, err := ParseTotalsKey(AppendTotalsKey(nil, a, int64(c)))
		require.NoError(t, err)
		require.Equal(t, a, tenant)
		require.Equal(t, int64(c), day)
		require.Equal(t, cmp.Or(cmp.Compare(a, b), cmp.Compare(int64(c), int64(d))),
			bytes.Compare(AppendTotalsKey(nil, a, int64(c)), AppendTotalsKey(nil, b, int64(d))))
		tenant, number, position, err := ParseVoidKey(AppendVoidKey(nil, a, c, uint16(b)))
		require.NoError(t, err)
		require.Equal(t, []uint64{uint64(a), c, uint64(uint16(b))}, []uint64{uint64(tenant), number, uint64(position)})
		tenant, number, err = ParseCrossedKey(AppendCrossedKey(nil, a, c))
		require.NoError(t, err)
		require.Equal(t, []uint64{uint64(a), c}, []uint64{uint64(tenant), number})
		require.Equal(t, cmp.Or(cmp.Compare(a, b), cmp.Compare(c, d)), bytes.Compare(AppendCrossedKey(nil, a, c), AppendCrossedKey(nil, b, d)))
	})
}

// The bytes of keys are on disk: they must not change.
func TestKeyBytes(t *testing.T) {
	for want, key := range map[string][]byte{
		"b\x01\x02\x03\x04\x05\x06\x07\x08": appendBlockKey(nil, 0x0102030405060708),
		"m":                                 metaKey(),
		"cplans":                            AppendConfigKey(nil, "plans"),
		"t\x00\x00\x00\x07":                 AppendTenantKey(nil, 7),
		"n\x00\x00\x00\x07":                 AppendAccountKey(nil, 7),
		"o\x01\x02\x03\x04\x05\x06\x07\x08": AppendOutboxKey(nil, 0x0102030405060708),
		"y\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x02":                         AppendCrossedKey(nil, 7, 2),
		"a\x01\x02\x03\x04\x05\x06\x07\x08":                                         AppendAuditKey(nil, 0x0102030405060708),
		"q\x00\x00\x00\x07\x00\x00\x00\x02":                                         AppendLedgerKey(nil, 7, 2),
		"u\x00\x00\x00\x07\x00\x00\x01\x00":                                         AppendUsersKey(nil, 7, 256),
		"s\x00\x00\x00\x02\x00\x00\x00\x07":                                         AppendSeriesKey(nil, 7, 2),
		"w\x00\x00\x00\x07\x80\x00\x00\x00\x00\x00\x00\x01":                         AppendTotalsKey(nil, 7, 1),
		"d\x00\x00\x00\x02\x00\x00\x00\x07\x7f\xff\xff\xff\xff\xff\xff\xff":         AppendDayKey(nil, 7, 2, -1),
		"g\x00\x00\x00\x02\x00\x00\x00\x07\x01\x03\x80\x00\x00\x00\x00\x00\x00\x01": AppendGroupKey(nil, 7, 2, 1, 3, 1),
		"p\x00\x00\x00\x02\x00\x00\x00\x07\x03\x80\x00\x00\x00\x00\x00\x00\x01":     AppendPageKey(nil, 7, 2, 3, 1),
		"p\x00\x00\x00\x02\x00\x00\x00\x07\x03\x7f\xff\xff\xff\xff\xff\xff\xff":     AppendPageKey(nil, 7, 2, 3, -1),
		"x\x00\x00\x00\x07\x00\x00\x00\x02":                                         AppendBlocksKey(nil, 7, 2),
		"f\x01\x00\x00\x00\x00\x00\x00\x00\x02":                                     AppendFactsKey(nil, 1, 2),
	} {
		require.Equal(t, want, string(key))
	}
}

func FuzzKeyParse(f *testing.F) {
	f.Add(AppendPageKey(nil, 1, 2, 3, -4))
	f.Add(AppendDayKey(nil, 1, 2, -4))
	f.Add(AppendUsersKey(nil, 1, 2))
	f.Add(AppendCrossedKey(nil, 1, 2))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, key []byte) {
		check := func(err error, again []byte) {
			if err != nil {
				require.ErrorIs(t, err, ErrCorrupt)
				return
			}
			require.Equal(t, key, again)
		}
		index, err := parseBlockKey(key)
		check(err, appendBlockKey(nil, index))
		tenant, err := ParseTenantKey(key)
		check(err, AppendTenantKey(nil, tenant))
		a, b, err := ParseUsersKey(key)
		check(err, AppendUsersKey(nil, a, b))
		a, number, err := ParseCrossedKey(key)
		check(err, AppendCrossedKey(nil, a, number))
		a, b, err = ParseSeriesKey(key)
		check(err, AppendSeriesKey(nil, a, b))
		a, day, err := ParseTotalsKey(key)
		check(err, AppendTotalsKey(nil, a, day))
		a, b, page, err := ParseDayKey(key)
		check(err, AppendDayKey(nil, a, b, page))
		a, b, level, page, err := ParsePageKey(key)
		check(err, AppendPageKey(nil, a, b, level, page))
		a, b, family, level, bucket, err := ParseGroupKey(key)
		check(err, AppendGroupKey(nil, a, b, family, level, bucket))
	})
}
