package engine

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// TestOperationsOfGroupedMeters does everything that counts, on a meter with dimensions: what names none of their values, as
// reservations and leases do, counts under no value. The log is then folded again, with all of its shards.
func TestOperationsOfGroupedMeters(t *testing.T) {
	for _, decode := range []bool{false, true} { // items of this process, and those of a block's bytes
		clock, fs := newTestClock(), vfs.NewMem()
		tune := func(o *Options) { o.Shards, o.decodeAlways = 2, decode }
		e := openMem(t, fs, clock, tune)
		ctx := context.Background()
		require.NoError(t, e.PutMeter(ctx, usage.Meter{Slug: "tokens", Aggregation: usage.Sum, Scale: new(0), Dimensions: []string{"metadata.model", "metadata.region"}}))
		putPlan(t, e, "p", `[{"slug":"month","meter":"tokens","period":"month","limit":1000},{"slug":"window","meter":"tokens","period":{"sliding":"1h"},"limit":1000},
			{"slug":"each","meter":"tokens","period":"day","scope":"user","limit":1000}]`)
		putTenant(t, e, "acme", "p")
		model := []byte(`{"model":"small"}`)
		count := func(a usage.Answer, err error) {
			require.NoError(t, err)
			require.True(t, a.Allowed)
		}
		reserve := func(id, expiry string) {
			count(e.Reserve(ctx, usage.Reservation{ID: id, TenantID: "acme", UserID: "ann", FeatureType: "tokens", Quantity: usage.Int(5), TTLSeconds: 60, OnExpiry: expiry}))
		}
		count(e.Consume(ctx, usage.Request{ID: "1", TenantID: "acme", UserID: "ann", Items: []usage.Item{{FeatureType: "tokens", Quantity: usage.Int(1), Metadata: model}}}))
		count(e.Consume(ctx, usage.Request{ID: "2", TenantID: "acme", UserID: "ann", Items: []usage.Item{
			{FeatureType: "tokens", Quantity: usage.Int(2), Metadata: model}, {FeatureType: "tokens", Quantity: usage.Int(4)}}}))
		reserve("committed", usage.ExpiryRelease)
		count(e.Extend(ctx, "acme", "committed", usage.Int(6), time.Minute))
		count(e.Commit(ctx, "acme", "committed", usage.Int(8)))
		reserve("charged", usage.ExpiryCharge)
		reserve("late", usage.ExpiryRelease)
		_, err := e.Lease(ctx, usage.LeaseRequest{ID: "lease", TenantID: "acme", FeatureType: "tokens", Quantity: usage.Int(20)})
		require.Equal(t, usage.CodeInvalidValue, usage.Code(err), "a quota for each user: it cannot be leased")
		putPlan(t, e, "tenants", `[{"slug":"month","meter":"tokens","period":"month","limit":1000}]`)
		putTenant(t, e, "acme", "tenants")
		l, err := e.Lease(ctx, usage.LeaseRequest{ID: "lease", TenantID: "acme", FeatureType: "tokens", Quantity: usage.Int(20)})
		require.NoError(t, err)
		require.True(t, l.Take(16))
		require.NoError(t, l.Settle(ctx, true))
		clock.advance(2 * time.Minute)
		count(e.Commit(ctx, "acme", "late", usage.Int(3)))
		_, err = e.Adjust(ctx, usage.Adjustment{ID: "a", TenantID: "acme", Meter: "tokens", Quantity: usage.Int(-1), Metadata: model, Reason: "x"})
		require.NoError(t, err)
		_, err = e.Void(ctx, usage.Void{ID: "2", TenantID: "acme", Reason: "x"})
		require.NoError(t, err)
		check := func() {
			t.Helper()
			rows, err := e.Usage(ctx, usage.Query{Meter: "tokens", TenantID: "acme", From: clock.Now().Add(-time.Hour), To: clock.Now().Add(time.Hour), GroupBy: []string{"metadata.model", "user_id"}})
			require.NoError(t, err)
			got := map[string]string{}
			for _, r := range rows.Data {
				name := func(s *string) string {
					if s == nil {
						return "-"
					}
					return *s
				}
				got[name(r.Group["metadata.model"])+" "+name(r.Group["user_id"])] = r.Value.String()
			}
			require.Equal(t, map[string]string{"- ann": "16", "- -": "16", "small ann": "1", "small -": "-1"}, got)
			require.NoError(t, e.Verify(ctx))
		}
		check()
		require.NoError(t, e.Close())
		e = openMem(t, fs, clock, tune)
		check()
		require.NoError(t, e.Close())
	}
}
