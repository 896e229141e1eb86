package engine

import (
	"encoding/binary"
	"fmt"

	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/wal"
)

// rowNames is what the rows of each class are, for people.
var rowNames = map[byte]string{
	wal.ClassAccount: "account", wal.ClassAudit: "audit entry", wal.ClassConfig: "configuration", wal.ClassDay: "page of days", wal.ClassGroup: "groups", wal.ClassHold: "reservation",
	wal.ClassLedger: "quota counters", wal.ClassOutbox: "crossing", wal.ClassCrossed: "list of crossings", wal.ClassPage: "page", wal.ClassSeries: "counter",
	wal.ClassBlocks: "blocks", wal.ClassFacts: "facts of blocks", wal.ClassVoid: "void",
	wal.ClassTenant: "tenant", wal.ClassTotals: "totals of all tenants", wal.ClassUsers: "users",
}

// rowName says what the row of a key is.
func rowName(s *state, key []byte) string {
	what := rowNames[key[0]]
	if what == "" {
		what = fmt.Sprintf("row of class %q", key[:1])
	}
	switch key[0] {
	case wal.ClassAudit, wal.ClassOutbox, wal.ClassTotals, wal.ClassConfig, wal.ClassFacts:
		return fmt.Sprintf("%s %x", what, key[1:])
	}
	if len(key) < 5 {
		return fmt.Sprintf("%s %x", what, key[1:])
	}
	series := key[0] == wal.ClassPage || key[0] == wal.ClassDay || key[0] == wal.ClassSeries || key[0] == wal.ClassGroup
	if series && len(key) < 9 {
		return fmt.Sprintf("%s %x", what, key[1:])
	}
	tenant := binary.BigEndian.Uint32(key[1:])
	if series {
		tenant = binary.BigEndian.Uint32(key[5:]) // behind the meter
	}
	if t := s.dir.number(tenant); t != nil {
		what = fmt.Sprintf("%s of tenant %q", what, t.name)
	} else {
		what = fmt.Sprintf("%s of tenant number %d", what, tenant)
	}
	if series {
		meters := s.cfg.Load().meters
		if num := binary.BigEndian.Uint32(key[1:]); num > 0 && int(num) <= len(meters) {
			what += ", meter " + meters[num-1].def.Slug
		}
		if _, _, page, err := wal.ParseDayKey(key); err == nil {
			what += fmt.Sprintf(", page %d", page)
		}
		if _, _, level, page, err := wal.ParsePageKey(key); err == nil {
			what += fmt.Sprintf(", %s page %d", rollup.Level(level), page)
		}
		if _, _, _, level, bucket, err := wal.ParseGroupKey(key); err == nil {
			what += fmt.Sprintf(", %s %d", rollup.Level(level), bucket)
		}
		return what
	}
	if len(key) > 5 {
		what += fmt.Sprintf(" (%x)", key[5:])
	}
	return what
}
