package torture

// What the server says in the end, and what the books say.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"sync"
	"time"
)

// numbers are named numbers, as text.
type numbers map[string]int64

// resolve looks up what is not known: ids that were denied after an attempt without an answer, and what became of holds. The numbers of
// holds are those of the server, compared with the books.
func resolve(ctx context.Context, clients []*client) error {
	var all sync.WaitGroup
	errs := make([]error, len(clients))
	for i, c := range clients {
		all.Go(func() {
			for _, e := range c.entries {
				errs[i] = c.lookUp(ctx, e)
				for errs[i] == nil && !e.strict && e.holds > 0 { // it expires soon
					time.Sleep(50 * time.Millisecond)
					errs[i] = c.lookUp(ctx, e)
				}
				if errs[i] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (c *client) lookUp(ctx context.Context, e *entry) error {
	hold := e.kind == opReserve || e.kind == opLease
	if !e.is(maybe) && !(hold && e.is(counts)) {
		return nil
	}
	path := "/v1/events/"
	switch e.kind {
	case opReserve:
		path = "/v1/reservations/"
	case opLease:
		path = "/v1/leases/"
	}
	o, ok := c.send(ctx, http.MethodGet, path+e.id()+"?tenant_id="+e.tenantName(), nil)
	switch {
	case !ok:
		return errOver
	case o.Status == http.StatusNotFound && e.is(maybe):
		return nil
	case !o.ok():
		c.lost.Add(1)
		return fmt.Errorf("%s was acknowledged: %d %s", e.id(), o.Status, o.Body)
	}
	e.state = e.state&^maybe | counts
	if !hold {
		return nil
	}
	return c.compareHold(e, o.Body)
}

// compareHold compares what became of a hold with what its client was told, and notes what it booked and still holds.
func (c *client) compareHold(e *entry, body []byte) error {
	var got struct {
		State     string `json:"state"`
		Committed int32  `json:"committed"`
		Used      int32  `json:"used"` // of a lease
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return err
	}
	booked := got.Committed + got.Used
	var want string
	switch {
	case e.is(settled) && e.closing < 0:
		want = "released with 0"
	case e.is(settled) && e.kind == opLease:
		want = fmt.Sprint("released with ", e.closing)
	case e.is(settled):
		want = fmt.Sprint("committed with ", e.closing)
	case e.kind == opLease && (e.is(expired) || got.State == "expired"):
		want = fmt.Sprint("expired with ", e.units)
	case e.is(expired) || got.State == "expired":
		want = "expired with 0"
	default:
		want = "held with 0"
	}
	if text := fmt.Sprint(got.State, " with ", booked); text != want {
		c.violation("%s of %s is %s; the books say %s", e.id(), e.tenantName(), text, want)
	}
	e.booked, e.holds = booked, 0
	if got.State == "held" {
		e.holds = e.units
	}
	return nil
}

// expected are the numbers of the books.
func expected(b *book, clients []*client, began time.Time) numbers {
	n := make(numbers)
	b.events.add(n, b.seed, began)
	for _, c := range clients {
		for _, e := range c.entries {
			if !e.is(counts) || e.is(voided) {
				continue
			}
			name := e.tenantName()
			switch e.kind {
			case opConsume:
				n[name+" api_calls"] += int64(e.units)
				n[name+" llm_tokens"] += int64(e.more)
			case opAdjust:
				n[name+" api_calls"] += int64(e.units)
			default:
				n[name+" api_calls"] += int64(e.booked)
				n[name+" reserved"] += int64(e.holds)
			}
		}
	}
	for _, name := range decisionTenants() {
		n[name+" used"] = max(0, n[name+" api_calls"])
	}
	return n.clean()
}

func decisionTenants() (names []string) {
	for i := range strictTenants {
		names = append(names, fmt.Sprint("strict-", i))
	}
	for i := range looseTenants {
		names = append(names, fmt.Sprint("loose-", i))
	}
	return names
}

// clean leaves out zeros: whether there is a row for nothing says nothing.
func (n numbers) clean() numbers {
	maps.DeleteFunc(n, func(_ string, v int64) bool { return v == 0 })
	return n
}

// add enters what the events add up to.
func (ev *events) add(n numbers, seed uint64, began time.Time) {
	var seen [recordTenants][users]bool
	var newest [recordTenants]event
	for i := range ev.next {
		if ev.voided[i] {
			continue
		}
		e := makeEvent(seed, i, began)
		name := fmt.Sprint("record-", e.tenant)
		seen[e.tenant][e.user] = true
		switch e.feature {
		case featureTransfer:
			n[name+" data_transfer "+e.at.UTC().Format(time.DateOnly)] += e.quantity
		case featureOrders:
			n[name+" orders"]++
		case featureTokens:
			n[fmt.Sprint(name, " llm_tokens m", e.model)] += e.quantity
		default:
			if was := newest[e.tenant]; was.at.IsZero() || e.at.After(was.at) || e.at.Equal(was.at) && e.id() > was.id() {
				newest[e.tenant] = e
			}
		}
	}
	for tenant := range recordTenants {
		name := fmt.Sprint("record-", tenant)
		for _, is := range seen[tenant] {
			if is {
				n[name+" active_users"]++
			}
		}
		n[name+" storage"] = newest[tenant].quantity
	}
}

// actual are the numbers of the server.
func actual(ctx context.Context, c *client) (numbers, error) {
	n := make(numbers)
	month := fmt.Sprintf("from=%s&to=%s", c.began.Add(-ageMax-48*time.Hour).UTC().Format("2006-01-02T00:00:00Z"), c.began.Add(96*time.Hour).UTC().Format("2006-01-02T00:00:00Z"))
	for i := range recordTenants {
		name := fmt.Sprint("record-", i)
		tenant := "&tenant_id=" + name
		err := errors.Join(
			c.sum(ctx, n, name+" data_transfer ", "meter=data_transfer&window=day&time_zone=UTC&"+month+tenant),
			c.sum(ctx, n, name+" orders", "meter=orders&"+month+tenant),
			c.sum(ctx, n, name+" storage", "meter=storage&"+month+tenant),
			c.sum(ctx, n, name+" active_users", "meter=active_users&"+month+tenant),
			c.sum(ctx, n, name+" llm_tokens ", "meter=llm_tokens&group_by=metadata.model&"+month+tenant))
		if err != nil {
			return nil, err
		}
	}
	for _, name := range decisionTenants() {
		tenant := "&tenant_id=" + name
		o, ok := c.get(ctx, "/v1/tenants/"+name+"/quotas")
		var list struct {
			Data []struct {
				Quota          string
				Used, Reserved int64
			}
		}
		if !ok || json.Unmarshal(o.Body, &list) != nil {
			return nil, fmt.Errorf("quotas of %s: %s", name, o.Body)
		}
		for _, q := range list.Data {
			if q.Quota == "m" {
				n[name+" used"], n[name+" reserved"] = q.Used, q.Reserved
			}
		}
		if err := errors.Join(c.sum(ctx, n, name+" api_calls", "meter=api_calls&"+allTime+tenant),
			c.sum(ctx, n, name+" llm_tokens", "meter=llm_tokens&"+allTime+tenant)); err != nil {
			return nil, err
		}
	}
	return n.clean(), nil
}

// sum enters the rows of a query: those of days by day, those of groups by model.
func (c *client) sum(ctx context.Context, n numbers, name, query string) error {
	o, ok := c.get(ctx, "/v1/usage?"+query)
	if !ok {
		return fmt.Errorf("usage of %s: %s", name, o.Body)
	}
	var got rows
	if err := json.Unmarshal(o.Body, &got); err != nil {
		return fmt.Errorf("usage of %s: %w: %s", name, err, o.Body)
	}
	for _, row := range got.Data {
		key := name + row.Group["metadata.model"]
		if row.Group["metadata.model"] == "" && name[len(name)-1] == ' ' {
			key = name + row.WindowStart.Format(time.DateOnly)
		}
		value, ok := new(big.Rat).SetString(row.Value.String())
		if row.Value == "" { // null: of nothing
			continue
		}
		if !ok || !value.IsInt() || !value.Num().IsInt64() {
			return fmt.Errorf("usage of %s: %s", key, row.Value)
		}
		n[key] += value.Num().Int64()
	}
	return nil
}

// differ lists where two sets of numbers differ.
func differ(want, got numbers) (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			lines = append(lines, fmt.Sprintf("%s: want %d, got %d", name, want[name], got[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			lines = append(lines, fmt.Sprintf("%s: want none, got %d", name, got[name]))
		}
	}
	return lines
}
