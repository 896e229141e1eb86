package engine

import (
	"cmp"
	"context"
	"time"

	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/usage"
)

// Consume asks every quota that the request's items touch, and counts all of them, at log time, when none blocks; else nothing
// is counted anywhere. It returns when the decision is durable. A denial is no error: Answer.Allowed is false, and the same
// id may be sent again later. A retry of what was counted answers duplicate, with the decision of the first time.
//
// Errors are those of Record, and unknown_tenant, user_id_required, cardinality_limit, overflow and the like for a request
// that no quota can answer. Safe for concurrent use; costs one fsync, shared with everyone who writes at the same time.
func (e *Engine) Consume(ctx context.Context, r usage.Request) (usage.Answer, error) {
	if err := e.growable(); err != nil {
		return usage.Answer{ID: r.ID}, err
	}
	if r.ID == "" {
		r.ID = usage.NewID(time.Unix(0, e.clock.now()))
	}
	var answers [1]usage.Answer
	var errs [1]error
	if err := cmp.Or(e.consumeSome(ctx, []usage.Request{r}, answers[:], errs[:]), errs[0]); err != nil {
		return usage.Answer{ID: r.ID}, err
	}
	return answers[0], nil
}

// ConsumeBatch is Consume for many requests, each on its own, in order; one that is denied or wrong does not touch the others. The
// error is that of the first request that is wrong, or that of the whole batch: see ConsumeAll to tell them apart.
func (e *Engine) ConsumeBatch(ctx context.Context, rs []usage.Request) ([]usage.Answer, error) {
	answers, errs, err := e.consume(ctx, rs)
	if err != nil {
		return nil, err
	}
	for _, err := range errs {
		if err != nil {
			return answers, err
		}
	}
	return answers, nil
}

// ConsumeAll is ConsumeBatch with the error of each request in its place.
func (e *Engine) ConsumeAll(ctx context.Context, rs []usage.Request) ([]usage.Answer, []error, error) {
	return e.consume(ctx, rs)
}

func (e *Engine) consume(ctx context.Context, rs []usage.Request) ([]usage.Answer, []error, error) {
	if err := e.growable(); err != nil {
		return nil, nil, err
	}
	answers, errs := make([]usage.Answer, len(rs)), make([]error, len(rs))
	for at := 0; at < len(rs); at += requestItemsMax {
		end := min(at+requestItemsMax, len(rs))
		if err := e.consumeSome(ctx, rs[at:end], answers[at:end], errs[at:end]); err != nil {
			if at > 0 {
				err = partlyWritten(err)
			}
			return nil, nil, err
		}
	}
	return answers, errs, nil
}

func (e *Engine) consumeSome(ctx context.Context, rs []usage.Request, answers []usage.Answer, errs []error) error {
	r := requests.Get().(*request)
	r.reset(len(rs))
	p := e.preparers.Get().(*preparer)
	for i := range rs {
		r.items = r.items[:len(r.items)+1]
		if err := p.request(&rs[i], &r.items[len(r.items)-1], false); err != nil {
			errs[i] = err
			r.items = r.items[:len(r.items)-1]
		}
	}
	p.find(r.items)
	var err error
	if e.opts.AutoMeters {
		err = e.autoMeters(ctx, p, r.items)
	}
	e.preparers.Put(p)
	if err != nil || len(r.items) == 0 {
		return err
	}
	r.results = r.results[:len(r.items)]
	if err := e.committer.submit(ctx, r); err != nil {
		return err // r may still be in use
	}
	next := 0
	for i := range rs {
		if errs[i] != nil {
			continue
		}
		res := &r.results[next]
		answers[i], errs[i] = res.answer(rs[i].ID)
		if j := res.judged; j != nil && errs[i] == nil {
			if res.verdict != checked {
				kept := e.decisions.add(&rs[i], j, res.verdict, res.timeNanos)
				e.hub.decided(&kept)
			}
			j.recycle()
		}
		next++
	}
	clear(r.items)
	clear(r.results)
	requests.Put(r)
	return nil
}

// answer is the result in the words of the API.
func (r *Result) answer(id string) (usage.Answer, error) {
	switch r.verdict {
	case rejected, conflict:
		return usage.Answer{ID: id}, r.err
	case counted, duplicate, denied, checked:
		return r.judged.answer(id, r.verdict), nil
	default:
		panic("BUG: a consume has the verdict of a configuration entry")
	}
}

// Check answers what Consume would, and changes nothing. An unknown tenant is judged as it would be on the default plan.
//
// It holds the lock of the tenant's shard for about a microsecond, and waits for the log only when something of
// the tenant, such as a reservation's expiry, is just due.
func (e *Engine) Check(r usage.Request) (usage.Answer, error) {
	if e.closed.Load() {
		return usage.Answer{}, usage.ErrClosed
	}
	if err := e.store.Failed(); err != nil {
		return usage.Answer{}, err
	}
	p := e.preparers.Get().(*preparer)
	defer e.preparers.Put(p)
	var items [1]item
	it := &items[0]
	if err := p.request(&r, it, true); err != nil {
		return usage.Answer{}, err
	}
	p.find(items[:])
	t := e.state.dir.tenant(r.TenantID)
	if t == nil {
		t = e.state.dir.nobody(r.TenantID, e.state.shards)
	}
	now := e.clock.now()
	e.catchUp(t, now)
	sh := t.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.check(it, t, now, r.ID)
}

// check judges an item at now. The caller holds shard.mu.
func (sh *shard) check(it *item, t *tenant, now int64, id string) (usage.Answer, error) {
	b := &block{nanos: now, seconds: floorDiv(now, 1e9), cfg: sh.state.cfg.Load()}
	if refusal := sh.unknownTenant(b, t); refusal != nil {
		return usage.Answer{}, refusal
	}
	if refusal := sh.judgeItems(b, it, t); refusal != nil {
		return usage.Answer{}, refusal
	}
	a, err := sh.accountToRead(t, now)
	if err != nil {
		return usage.Answer{}, err
	}
	j, refusal := sh.weigh(a, it.User, sh.userNumber(t, it), it.peeks(b.cfg), now)
	if refusal != nil {
		return usage.Answer{}, refusal
	}
	answer := j.answer(id, checked)
	j.recycle()
	return answer, nil
}

// accountToRead returns the account of t, or one as it would be made now, which is in no state. The caller holds shard.mu.
func (sh *shard) accountToRead(t *tenant, now int64) (*account, error) {
	if sh.failed != nil {
		return nil, sh.failed
	}
	v := sh.state.cfg.Load().defaultPlan()
	if a := t.account.Load(); a != nil && (a.listed || a.made || a.plan == v) {
		return a, nil
	}
	if s := sh.stranger; t.num == 0 && s != nil && s.plan == v {
		s.tenant, s.def.ID = t, t.name
		return s, nil
	}
	a := newAccount(t)
	if v != nil {
		a.plan, a.book = v, v.book
	}
	a.ledger = &ledger{acct: a, book: a.book, counters: make([]*counter, len(a.book.slots))}
	for i := range a.book.slots {
		if s := &a.book.slots[i]; !s.policy.UserScope {
			c, err := a.ledger.newCounter(sh, s, now)
			if err != nil {
				return nil, err
			}
			a.ledger.counters[i] = c
		}
	}
	if t.num == 0 {
		sh.stranger = a // whoever reads it does so under the lock and changes nothing, and empty counters tell of any period
	}
	return a, nil
}

// Quotas returns every quota of a tenant as it stands, in the order of the plan, and with a user those of the user; a decision among them is
// that of a call that costs nothing. It shows every write that has returned. Errors: not_found for a tenant that nobody made and that has
// counted nothing. It takes the lock of the tenant's shard for about a microsecond a quota.
func (e *Engine) Quotas(tenantID, user string) (list []usage.QuotaStatus, err error) {
	err = e.stand(tenantID, func(sh *shard, a *account, t *tenant, now int64) {
		num := uint32(0)
		if user != "" {
			num = t.numbers.get(nameHash(e.state.secret, user))
		}
		list = sh.standing(a, user, num, now)
	})
	return list, err
}

// stand hands what a tenant may use, as of now, to read, which holds the lock of the tenant's shard.
func (e *Engine) stand(tenantID string, read func(sh *shard, a *account, t *tenant, now int64)) error {
	if e.closed.Load() {
		return usage.ErrClosed
	}
	if err := e.store.Failed(); err != nil {
		return err
	}
	t := e.state.dir.tenant(tenantID)
	if t == nil || !t.listed.Load() {
		return noTenant(tenantID)
	}
	now := e.clock.now()
	e.catchUp(t, now)
	sh := t.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	a, err := sh.accountToRead(t, now)
	if err != nil {
		return err
	}
	read(sh, a, t, now)
	return nil
}

// standing is every quota of an account as it stands at now. The caller holds shard.mu.
func (sh *shard) standing(a *account, user string, userNum uint32, now int64) []usage.QuotaStatus {
	out := make([]usage.QuotaStatus, 0, len(a.book.slots))
	for i := range a.book.slots {
		s := &a.book.slots[i]
		q := judgedQuota{policy: s.policy}
		l := a.ledger
		if s.policy.UserScope {
			if user == "" {
				continue
			}
			l, q.user = a.users[userNum], user
		}
		if l != nil {
			q.level, _, q.start = l.counters[i].level(a, s, now)
		} else if s.policy.InCalendar() {
			start, end := a.periodOf(s.policy, floorDiv(now, 1e9))
			q.level.End, q.start = end*1e9, start*1e9
		}
		q.verdict = s.policy.Judge(q.level, 0, now)
		out = append(out, q.status(now))
	}
	return out
}

// terms is what the quotas of the tenant itself allow beside their limits. The caller holds shard.mu.
func (sh *shard) terms(cfg *config, a *account, now int64) []usage.QuotaTerms {
	var out []usage.QuotaTerms
	for i := range a.book.slots {
		s := &a.book.slots[i]
		if s.policy.UserScope {
			continue
		}
		var l quota.Level
		if a.ledger != nil {
			l, _, _ = a.ledger.counters[i].level(a, s, now)
		}
		t := s.policy.Terms(l)
		for _, m := range cfg.meters {
			if m.num == s.meter {
				t.MeterName, t.Unit, t.Aggregation = cmp.Or(m.def.Name, m.def.Slug), m.def.Unit, m.def.Aggregation
			}
		}
		out = append(out, t)
	}
	return out
}

// catchUp lets the log pass a moment at which something of the tenant changes by itself, so that reads see it. When the log takes no
// writes, or the disk does not answer, the answer is of the state as it is.
func (e *Engine) catchUp(t *tenant, now int64) {
	if t.shard.due.Load() <= now {
		e.passTime(context.Background())
	}
}

// passTime is a tick that waits no longer than a read may.
func (e *Engine) passTime(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, passTimeMax)
	defer cancel()
	_ = e.tick(ctx)
}

// tick commits an entry that says nothing but the time.
func (e *Engine) tick(ctx context.Context) error {
	_, err := e.submitConfig(ctx, &configEntry{Op: opTick})
	return err
}
