package engine

import "sync/atomic"

// directory gives tenants and their users dense numbers, from 1 in the order of the log. A number, once
// given, is never given again, so a block may name a tenant or user by number when the
// encoder knows it: blocks get smaller, and apply finds a tenant by one slice index.
//
// Readers never lock. Tenants are added by apply's own goroutine; users of a tenant by its shard.
type directory struct {
	secret  uint64 // keys the hashes of names; set before the first name
	tenants hashTable[*tenant]
	byNum   atomic.Pointer[[]*tenant] // index num-1; the slice grows, entries never change
	users   atomic.Int64              // numbered, over all tenants
	only    *tenant                   // of a replay of one tenant; nil: of all
}

// tenant is one tenant's part of the state.
//
// The fields stand in the order of who reads them, by cache lines of 64 bytes (TestTenantLines): two for Allowed, then those of apply.
type tenant struct {
	shard *shard
	face  face // of the quotas, for readers

	more     atomic.Pointer[[]*series] // of the meters after the first; replaced when it grows
	numbers  hashTable[uint32]         // of users and unique values, by name
	num      uint32                    // dense
	slot     uint32                    // among the tenants of its shard
	users    uint32                    // greatest number given, otherMember included; owned by the shard
	listed   atomic.Bool               // has counted something: a tenant that only met refusals does not exist
	account  atomic.Pointer[account]   // nil: no quotas; written by the shard
	calendar atomic.Pointer[calendar]  // that of the account, for readers; nil: UTC
	name     string

	// The series by meter.num-1, nil where there is none; written by the shard. Those of the first meters stand
	// in the tenant itself: one miss less on the way to a counter.
	first [firstSeries]atomic.Pointer[series]

	// userNames is by num-firstMember; the shard appends under its mu.
	userNames []string
}

// firstSeries is how many pointers fill the fourth cache line, and what is left of the fifth.
const firstSeries = 8 + 5

func newDirectory() *directory {
	d := new(directory)
	d.byNum.Store(&[]*tenant{})
	return d
}

// tenant returns the tenant by name, or nil.
func (d *directory) tenant(name string) *tenant { return d.tenants.get(nameHash(d.secret, name)) }

// number returns the tenant by number, or nil.
func (d *directory) number(num uint32) *tenant {
	if d.only != nil {
		if d.only.num == num {
			return d.only
		}
		return nil
	}
	all := *d.byNum.Load()
	if num == 0 || int(num) > len(all) {
		return nil
	}
	return all[num-1]
}

// all returns every tenant in order of number. Read only.
func (d *directory) all() []*tenant {
	if d.only != nil {
		return []*tenant{d.only}
	}
	return *d.byNum.Load()
}

// addOnly makes a tenant, under the number that it has elsewhere, the only one that there is.
func (d *directory) addOnly(name string, num uint32, shards []*shard) *tenant {
	d.only = &tenant{num: num, name: cloneString(name), users: firstMember - 1}
	d.only.shard, d.only.slot = shards[int(num)%len(shards)], num/uint32(len(shards))
	d.only.more.Store(new([]*series))
	d.tenants.put(nameHash(d.secret, name), d.only)
	return d.only
}

// addTenant gives name the next number. Only apply and recovery call it.
func (d *directory) addTenant(name string, shards []*shard) *tenant {
	all := *d.byNum.Load()
	name = cloneString(name) // it may alias a block
	t := &tenant{num: uint32(len(all) + 1), name: name, users: firstMember - 1}
	t.shard, t.slot = shards[int(t.num)%len(shards)], t.num/uint32(len(shards))
	t.more.Store(new([]*series))
	all = append(all, t)
	d.byNum.Store(&all)
	d.tenants.put(nameHash(d.secret, name), t)
	return t
}

// nobody returns a tenant that is in no directory, to ask what one of that name would be told. Names spread over the shards, whose
// locks callers would otherwise wait for.
func (d *directory) nobody(name string, shards []*shard) *tenant {
	t := &tenant{name: name, shard: shards[nameHash(d.secret, name).Lo%uint64(len(shards))], users: firstMember - 1}
	t.more.Store(new([]*series))
	return t
}

// addUser gives name the next number of t. Only the shard of t and recovery call it.
func (d *directory) addUser(t *tenant, name string) uint32 {
	t.users++
	t.userNames = append(t.userNames, name)
	t.numbers.put(nameHash(d.secret, name), t.users)
	d.users.Add(1)
	return t.users
}

// userName is the inverse of numbers. The caller is apply between blocks, or holds the shard's mu.
func (t *tenant) userName(num uint32) (string, bool) {
	i := int(num) - firstMember
	if i < 0 || i >= len(t.userNames) {
		return "", false
	}
	return t.userNames[i], true
}

// seriesOf returns the series of t for m, or nil. Lock-free.
func (t *tenant) seriesOf(m *meter) *series { return t.seriesNum(m.num) }

// seriesNum is seriesOf by the meter's number.
func (t *tenant) seriesNum(num uint32) *series {
	if num <= firstSeries {
		return t.first[num-1].Load()
	}
	if s := *t.more.Load(); int(num) <= firstSeries+len(s) {
		return s[num-1-firstSeries]
	}
	return nil
}

// addSeries makes the series of t for m. The shard is the only writer; readers see the old list or the new one.
func (t *tenant) addSeries(m *meter) *series {
	s := &series{tenant: t, meter: m}
	if m.num <= firstSeries {
		t.first[m.num-1].Store(s)
		return s
	}
	old := *t.more.Load()
	next := make([]*series, max(len(old), int(m.num)-firstSeries))
	copy(next, old)
	next[m.num-1-firstSeries] = s
	t.more.Store(&next)
	return s
}

// eachSeries calls fn for every series of t, by the number of its meter. Lock-free.
func (t *tenant) eachSeries(fn func(*series)) {
	for i := range t.first {
		if s := t.first[i].Load(); s != nil {
			fn(s)
		}
	}
	for _, s := range *t.more.Load() {
		if s != nil {
			fn(s)
		}
	}
}

// seriesCount is how many series t has.
func (t *tenant) seriesCount() (n int) {
	t.eachSeries(func(*series) { n++ })
	return n
}
