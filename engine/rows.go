package engine

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/civil"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// The values of the engine's own rows; docs/FORMAT.md draws them. Pages are rollup's, keys are wal's.

// usersPerRowMax bounds a row of the user dictionary: at most 128 bytes each, 32 KiB a row.
const usersPerRowMax = 256

// configRow is the name of the one configuration row.
const configRow = "meters"

// counterRow is the stored form of a series' counter.
//
//	┌────────┬────────────────────┬────────────────┬──────────────────┬────────────────┬──────────────┬───────────────┬──────────────┐
//	│ 3 (u8) │ month start varint │ touched varint │ absolute uvarint │ tuples uvarint │ size uvarint │ page of month │ page of next │
//	└────────┴────────────────────┴────────────────┴──────────────────┴────────────────┴──────────────┴───────────────┴──────────────┘
//
// The months are slot 0 of a day page each. It is a function of the old row and the delta alone,
// so it does not depend on when checkpoints happen: the month is that of the log time at which
// the series was last touched.
type counterRow struct {
	monthStart  int64
	touched     int64 // log time of the newest change, unix seconds
	absolute    uint64
	tuples      int // the most that a day has, of any family
	month, next rollup.Agg
}

const counterRowVersion = 3

// add brings the row up to a pending part.
func (r *counterRow) add(k rollup.Kind, p *pending) {
	start, end := civil.MonthUTC(p.touchedAt)
	_, nextEnd := civil.MonthUTC(end)
	if r.monthStart != start && k != rollup.KindLatest {
		if _, oldEnd := civil.MonthUTC(r.monthStart); r.monthStart != 0 && oldEnd == start {
			r.month = r.next
		} else {
			r.month = rollup.Agg{}
		}
		r.next = rollup.Agg{}
	}
	r.monthStart, r.touched = start, p.touchedAt
	r.absolute += p.absolute
	r.tuples = max(r.tuples, p.most)
	if !monthly(k) {
		return
	}
	if p.recounted {
		r.month, r.next = p.month, p.next
		return
	}
	p.delta.Each(func(minute int64, a *rollup.Agg) bool {
		switch sec := minute * 60; {
		case k == rollup.KindLatest, sec >= start && sec < end:
			r.month.Merge(k, a)
		case sec >= end && sec < nextEnd:
			r.next.Merge(k, a)
		}
		return true
	})
}

// append encodes the row; page is scratch.
func (r *counterRow) append(dst []byte, k rollup.Kind, page *rollup.Page) []byte {
	dst = append(dst, counterRowVersion)
	dst = binary.AppendVarint(dst, r.monthStart)
	dst = binary.AppendVarint(dst, r.touched)
	dst = binary.AppendUvarint(dst, r.absolute)
	dst = binary.AppendUvarint(dst, uint64(r.tuples))
	at := len(dst)
	dst = appendAgg(dst, k, &r.month, page)
	size := len(dst) - at
	var prefix [binary.MaxVarintLen64]byte // the size goes before what it measures
	dst = slices.Insert(dst, at, prefix[:binary.PutUvarint(prefix[:], uint64(size))]...)
	return appendAgg(dst, k, &r.next, page)
}

// decode reads a row; page is scratch.
func (r *counterRow) decode(k rollup.Kind, src []byte, page *rollup.Page) error {
	if len(src) == 0 || src[0] != counterRowVersion {
		return fmt.Errorf("%w: counter row of unknown version", wal.ErrCorrupt)
	}
	src = src[1:]
	var n int
	if r.monthStart, n = binary.Varint(src); n <= 0 {
		return fmt.Errorf("%w: counter row: month", wal.ErrCorrupt)
	}
	src = src[n:]
	if r.touched, n = binary.Varint(src); n <= 0 {
		return fmt.Errorf("%w: counter row: touched", wal.ErrCorrupt)
	}
	src = src[n:]
	if r.absolute, n = binary.Uvarint(src); n <= 0 {
		return fmt.Errorf("%w: counter row: absolute sum", wal.ErrCorrupt)
	}
	src = src[n:]
	tuples, n := binary.Uvarint(src)
	if n <= 0 || tuples > 2*tuplesPerDayMax {
		return fmt.Errorf("%w: counter row: tuples", wal.ErrCorrupt)
	}
	r.tuples, src = int(tuples), src[n:]
	size, n := binary.Uvarint(src)
	if n <= 0 || size > uint64(len(src)-n) {
		return fmt.Errorf("%w: counter row: size of month", wal.ErrCorrupt)
	}
	src = src[n:]
	if err := decodeAgg(k, src[:size], &r.month, page); err != nil {
		return err
	}
	return decodeAgg(k, src[size:], &r.next, page)
}

// appendAgg encodes one aggregate as slot 0 of a day page; an empty one as nothing.
func appendAgg(dst []byte, k rollup.Kind, a *rollup.Agg, page *rollup.Page) []byte {
	page.Reset(k, rollup.Day)
	if !a.Empty(k) {
		page.MergeSlot(0, a)
	}
	return page.Append(dst)
}

func decodeAgg(k rollup.Kind, src []byte, a *rollup.Agg, page *rollup.Page) error {
	if err := page.Decode(k, rollup.Day, src); err != nil {
		return err
	}
	if s := page.Slot(0); s != nil {
		a.Merge(k, s) // a copy: page is used again
	}
	return nil
}

// appendUserNames writes the names of consecutive numbers: length (u8), bytes, one after another.
func appendUserNames(dst []byte, users []newUser) []byte {
	for i := range users {
		dst = binary.AppendUvarint(dst, uint64(len(users[i].name)))
		dst = append(dst, users[i].name...)
	}
	return dst
}

// eachUserName calls fn for every name of a row.
func eachUserName(src []byte, fn func(name string)) error {
	for len(src) > 0 {
		size, n := binary.Uvarint(src)
		if n <= 0 || size > uint64(len(src)-n) {
			return fmt.Errorf("%w: row of user names", wal.ErrCorrupt)
		}
		fn(string(src[n : n+int(size)]))
		src = src[n+int(size):]
	}
	return nil
}

// configJSON is the stored form of a config.
type configJSON struct {
	Version  uint64        `json:"version"`
	Meters   []meterJSON   `json:"meters"`
	Settings *settingsJSON `json:"settings,omitempty"`
	Zones    []zoneEntry   `json:"zones,omitempty"`  // ascending
	Plans    []planJSON    `json:"plans,omitempty"`  // ascending
	Quotas   []string      `json:"quotas,omitempty"` // slugs by number
	Kept     *kept         `json:"kept,omitempty"`
	Ages     *ageLimits    `json:"ages,omitempty"` // when not the default ones
	Keys     []keyJSON     `json:"keys,omitempty"` // ascending
}

type meterJSON struct {
	Meter    usage.Meter `json:"meter"`
	Version  uint64      `json:"version"`
	Archived bool        `json:"archived,omitempty"`
	Lives    []lifetime  `json:"lives"`
}

func (c *config) encode() []byte {
	out := configJSON{Version: c.version}
	for _, m := range c.meters {
		out.Meters = append(out.Meters, meterJSON{m.def, m.version, m.archived, m.lives})
	}
	if c.settings.version != 0 {
		out.Settings = &settingsJSON{c.settings.def, c.settings.version}
	}
	for name, table := range c.zones { // order-free: sorted below
		out.Zones = append(out.Zones, zoneEntry{name, table.AppendTo(nil)})
	}
	slices.SortFunc(out.Zones, func(a, b zoneEntry) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range c.plans { // order-free: sorted below
		out.Plans = append(out.Plans, p.json())
	}
	slices.SortFunc(out.Plans, func(a, b planJSON) int { return strings.Compare(a.Slug, b.Slug) })
	out.Quotas, out.Kept = c.quotas, c.kept
	if c.ages != agesDefault && c.ages != (ageLimits{}) {
		out.Ages = &c.ages
	}
	for _, id := range sortedKeys(c.keys) {
		out.Keys = append(out.Keys, c.keys[id].json())
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic("BUG: configuration does not marshal: " + err.Error())
	}
	return b
}

func decodeConfig(src []byte) (*config, error) {
	var in configJSON
	if err := json.Unmarshal(src, &in); err != nil {
		return nil, fmt.Errorf("%w: configuration row: %w", wal.ErrCorrupt, err)
	}
	c := &config{version: in.Version, ages: agesDefault, kept: in.Kept}
	if in.Ages != nil {
		c.ages = *in.Ages
	}
	for i, mj := range in.Meters {
		m, err := compile(uint32(i+1), mj.Meter, mj.Version)
		if err != nil {
			return nil, err
		}
		m.archived, m.lives = mj.Archived, mj.Lives
		c.meters = append(c.meters, m)
	}
	c.index()
	return c, c.decodeQuotas(&in)
}

// decodeQuotas reads what concerns quotas; the meters are there already.
func (c *config) decodeQuotas(in *configJSON) error {
	if in.Settings != nil {
		c.settings = settings{in.Settings.Settings, in.Settings.Version}
	}
	for _, z := range in.Zones {
		table, err := civil.DecodeTable(z.Table)
		if err != nil {
			return fmt.Errorf("%w: zone %q: %w", wal.ErrCorrupt, z.Name, err)
		}
		c.zones = c.withZone(c.version, z.Name, table).zones
	}
	for i := range in.Plans {
		p, err := in.Plans[i].plan(c)
		if err != nil {
			return fmt.Errorf("%w: %w", wal.ErrCorrupt, err)
		}
		c.plans = c.withPlan(c.version, p).plans
	}
	*c = *c.withQuotas(in.Quotas...)
	c.keys = make(map[string]*key, len(in.Keys))
	for i := range in.Keys {
		k, err := in.Keys[i].key()
		if err != nil {
			return err
		}
		c.keys[k.def.ID] = k
	}
	return nil
}

// users writes the new users of each tenant as one row.
func (w *rowWriter) users(users []newUser) error {
	slices.SortFunc(users, func(a, b newUser) int {
		return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.num, b.num))
	})
	for len(users) > 0 {
		n := 1
		for n < len(users) && users[n].tenant == users[0].tenant && n < usersPerRowMax {
			n++
		}
		w.buf = appendUserNames(w.buf[:0], users[:n])
		if err := w.set(wal.AppendUsersKey(nil, users[0].tenant, users[0].num), w.buf); err != nil {
			return err
		}
		users = users[n:]
	}
	return nil
}
