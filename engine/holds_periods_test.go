package engine

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// held is a fixture for reservations over the end of a period: one tenant, one quota.
type held struct {
	*testing.T
	e     *Engine
	clock *testClock
}

func newHeld(t *testing.T, aggregation usage.Aggregation, quota string) *held {
	h := &held{T: t, clock: newTestClock()}
	h.e = openMem(t, vfs.NewMem(), h.clock, nil)
	require.NoError(t, h.e.PutMeter(context.Background(), usage.Meter{Slug: "units", EventType: "units", Aggregation: aggregation}))
	putPlan(t, h.e, "p", `[`+quota+`]`)
	putTenant(t, h.e, "acme", "p")
	return h
}

func (h *held) reserve(id string, n int64) usage.Answer {
	a, err := h.e.Reserve(context.Background(), usage.Reservation{ID: id, TenantID: "acme", FeatureType: "units", Quantity: usage.Int(n), TTLSeconds: 3600})
	require.NoError(h, err)
	return a
}

func (h *held) extend(id string, total int64) usage.Answer {
	a, err := h.e.Extend(context.Background(), "acme", id, usage.Int(total), time.Hour)
	require.NoError(h, err)
	return a
}

func (h *held) consume(id string, n int64) bool {
	return consume(h, h.e, usage.Request{ID: id, TenantID: "acme", Items: []usage.Item{{FeatureType: "units", Quantity: usage.Int(n)}}}).Allowed
}

// stands is used and reserved of the quota.
func (h *held) stands() [2]string {
	quotas, err := h.e.Quotas("acme", "")
	require.NoError(h, err)
	return [2]string{quotas[0].Used.String(), quotas[0].Reserved.String()}
}

func (h *held) end() {
	require.NoError(h, h.e.Verify(context.Background()))
	index, sum := h.e.Digest()
	copyLog(h.T, h.e, h.clock, 3, 0, index, sum)
}

// What an extension holds belongs to the period of the reservation, as all of it: after the end of that it weighs on no other.
func TestExtendAfterThePeriod(t *testing.T) {
	for _, over := range []string{"release", "commit"} {
		for _, period := range []string{`"minute"`, `{"first_use":"1m"}`} {
			h := newHeld(t, usage.Sum, `{"slug":"q","meter":"units","period":`+period+`,"limit":10}`)
			h.reserve("r", 3)
			h.clock.advance(2 * time.Minute)
			require.True(t, h.extend("r", 10).Allowed)
			require.Equal(t, [2]string{"0", "0"}, h.stands(), period)
			require.True(t, h.consume("1", 4))
			require.True(t, h.extend("r", 20).Allowed, "the open period is not asked")
			if over == "release" {
				_, err := h.e.Release(context.Background(), "acme", "r")
				require.NoError(t, err)
			} else {
				_, err := h.e.Commit(context.Background(), "acme", "r", usage.Int(20))
				require.NoError(t, err)
			}
			require.Equal(t, [2]string{"4", "0"}, h.stands(), period)
			require.True(t, h.consume("2", 6))
			require.False(t, h.consume("3", 1))
			h.end()
		}
	}
}

// A commit counts in the period of first_use in which was reserved, and in no other.
func TestCommitAfterFirstUseEnded(t *testing.T) {
	h := newHeld(t, usage.Sum, `{"slug":"q","meter":"units","period":{"first_use":"1m"},"limit":100}`)
	require.True(t, h.consume("1", 1))
	h.clock.advance(30 * time.Second)
	h.reserve("one", 50)
	h.reserve("two", 10)
	h.clock.advance(31 * time.Second)
	_, err := h.e.Commit(context.Background(), "acme", "one", usage.Int(50))
	require.NoError(t, err)
	require.Equal(t, [2]string{"0", "0"}, h.stands(), "nothing opened a period")
	require.True(t, h.consume("2", 2))
	_, err = h.e.Commit(context.Background(), "acme", "two", usage.Int(10))
	require.NoError(t, err)
	require.Equal(t, [2]string{"2", "0"}, h.stands())
	require.True(t, h.consume("3", 98))
	require.False(t, h.consume("4", 1))
	h.end()

	// A quota that the tenant had not yet when it reserved starts empty.
	h = newHeld(t, usage.Sum, `{"slug":"q","meter":"units","period":"month","limit":100}`)
	h.reserve("r", 50)
	putPlan(t, h.e, "other", `[{"slug":"new","meter":"units","period":{"first_use":"1h"},"limit":100}]`)
	putTenant(t, h.e, "acme", "other")
	_, err = h.e.Commit(context.Background(), "acme", "r", usage.Int(50))
	require.NoError(t, err)
	require.Equal(t, [2]string{"0", "0"}, h.stands())
	h.end()
}

// A reservation is one event of a count meter, however often it is extended.
func TestExtendOfCount(t *testing.T) {
	h := newHeld(t, usage.Count, `{"slug":"q","meter":"units","period":"month","limit":2}`)
	h.reserve("r", 5)
	for total := range int64(4) {
		require.True(t, h.extend("r", 6+total).Allowed)
		require.Equal(t, [2]string{"0", "1"}, h.stands())
	}
	require.True(t, h.consume("1", 1))
	_, err := h.e.Commit(context.Background(), "acme", "r", usage.Int(9))
	require.NoError(t, err)
	require.Equal(t, [2]string{"2", "0"}, h.stands())
	h.end()
}

// Items of one call on a latest meter are judged as they are counted: the greatest value that is set, and what is added on top.
func TestItemsOfLatest(t *testing.T) {
	type item struct {
		op string
		n  int64
	}
	for _, c := range []struct {
		before int64
		items  []item
		want   string // "": blocked
	}{
		{0, []item{{"set", 49}, {"set", 1}}, ""}, {0, []item{{"set", 1}, {"set", 49}}, ""}, {0, []item{{"add", 8}, {"set", 7}}, ""},
		{4, []item{{"add", 20}, {"set", 3}}, ""}, {4, []item{{"add", 2}, {"set", 3}}, "5"}, {9, []item{{"set", 3}, {"set", 2}}, "3"},
		{9, []item{{"set", 2}, {"add", 8}}, "10"}, {9, []item{{"add", -4}, {"add", 5}}, "10"}, {9, []item{{"add", 1}, {"add", 1}}, ""},
	} {
		h := newHeld(t, usage.Latest, `{"slug":"q","meter":"units","period":"lifetime","limit":10}`)
		if c.before != 0 {
			require.True(t, h.consume("before", c.before))
			h.clock.advance(time.Second)
		}
		r := usage.Request{ID: "1", TenantID: "acme"}
		for _, x := range c.items {
			r.Items = append(r.Items, usage.Item{FeatureType: "units", Op: x.op, Quantity: usage.Int(x.n)})
		}
		a := consume(t, h.e, r)
		if c.want == "" {
			require.False(t, a.Allowed, "%+v", c)
			continue
		}
		require.True(t, a.Allowed, "%+v", c)
		require.Equal(t, [2]string{c.want, "0"}, h.stands(), "%+v", c)
		rows, err := h.e.Usage(context.Background(), usage.Query{Meter: "units", TenantID: "acme", From: h.clock.Now().Truncate(time.Hour), To: h.clock.Now().Truncate(time.Hour).Add(time.Hour)})
		require.NoError(t, err)
		require.Equal(t, c.want, rows.Data[0].Value.String(), "%+v", c)
	}
}

// A key that brings in history corrects it, too.
func TestAdjustmentOfHistory(t *testing.T) {
	h := newHeld(t, usage.Sum, `{"slug":"q","meter":"units","period":"month","limit":10}`)
	old := usage.Adjustment{ID: "a", TenantID: "acme", Meter: "units", Quantity: usage.Int(-1), Reason: "test", Timestamp: h.clock.Now().Add(-100 * 24 * time.Hour)}
	_, err := h.e.Adjust(context.Background(), old)
	require.Equal(t, usage.CodeEventTooOld, usage.Code(err))
	_, err = h.e.Adjust(WithBackfill(context.Background()), old)
	require.NoError(t, err)
	h.end()
}
