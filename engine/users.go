package engine

import "github.com/weirhq/weir/usage"

// UserQuotas is a user with its quotas.
type UserQuotas = usage.UserQuotas

// usersChunk and usersStepsMax are how many users are looked at under one hold of a shard's lock, and how many numbers are passed over
// for them: about 200 us each. A tenant may have a million users, whom to list takes seconds.
const (
	usersChunk    = 128
	usersStepsMax = 4096
)

// Users returns users of a tenant that quotas of user scope have counted, in the order in which they came: those after the number
// that an earlier call returned, or that of an earlier user, at most limit. quota chooses one quota by slug, nearLimit those beyond a
// warning. next is 0 at the end. O(users after that number) when few are beyond; writers wait for a part of it only.
func (e *Engine) Users(tenantID, quotaSlug string, nearLimit bool, after uint32, limit int) (users []UserQuotas, next uint32, err error) {
	if e.closed.Load() {
		return nil, 0, usage.ErrClosed
	}
	t := e.state.dir.tenant(tenantID)
	if t == nil || !t.listed.Load() {
		return nil, 0, noTenant(tenantID)
	}
	now := e.clock.now()
	e.catchUp(t, now)
	w := usersWalk{tenant: t, quota: quotaSlug, nearLimit: nearLimit, at: max(after, firstMember-1), limit: limit, now: now}
	for !w.over {
		if err := w.chunk(); err != nil {
			return nil, 0, err
		}
		if e.closed.Load() {
			return nil, 0, usage.ErrClosed
		}
	}
	return w.users, w.next, nil
}

// usersWalk goes over the users of a tenant by number. Numbers are given in order and never taken back, so between two chunks
// users come in behind it, or, when a quota first counts an old one, ahead of it or behind: as between two pages.
type usersWalk struct {
	tenant    *tenant
	quota     string
	nearLimit bool
	limit     int
	now       int64

	at    uint32 // the number that was looked at last
	next  uint32 // of the last user that was looked at
	users []UserQuotas
	over  bool
}

// chunk looks at the next users.
func (w *usersWalk) chunk() error {
	sh := w.tenant.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.failed != nil {
		return sh.failed
	}
	a := w.tenant.account.Load()
	if a == nil {
		w.next, w.over = 0, true
		return nil
	}
	looked := 0
	for range usersStepsMax {
		if w.at >= w.tenant.users {
			w.next, w.over = 0, true
			return nil
		}
		w.at++
		name, ok := w.tenant.userName(w.at)
		if !ok || a.users[w.at] == nil {
			continue
		}
		if len(w.users) == w.limit {
			w.over = true
			return nil
		}
		w.look(sh, a, name)
		if looked++; looked == usersChunk {
			return nil
		}
	}
	return nil
}

// look takes in the user of the number at hand, when it is one that was asked for. The caller holds shard.mu.
func (w *usersWalk) look(sh *shard, a *account, name string) {
	u := UserQuotas{UserID: name, Number: w.at, Quotas: []usage.QuotaStatus{}}
	near := false
	for _, q := range sh.standing(a, name, w.at, w.now) {
		if q.UserID != nil && (w.quota == "" || q.Quota == w.quota) {
			u.Quotas = append(u.Quotas, q)
			near = near || q.Decision != usage.DecisionAllow
		}
	}
	if len(u.Quotas) > 0 && (near || !w.nearLimit) {
		w.users = append(w.users, u)
	}
	w.next = w.at
}
