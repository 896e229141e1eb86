package e2e

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSameID: what one id means, before and after the server was killed (P2). A copy of an event
// is a duplicate, also when it left the time to weir; another payload is a conflict and counts
// nothing; another tenant or source is another id.
func TestSameID(t *testing.T) {
	ctx := deadline(t, time.Minute)
	dir := filepath.Join(t.TempDir(), "data")
	s := serve(ctx, t, dir)
	const event = `{"id":"a","tenant_id":"acme","user_id":"u","feature_type":"api_calls","quantity":5}`
	post := func(body, want string) {
		t.Helper()
		var got struct{ Status string }
		s.must(ctx, t, http.StatusOK, http.MethodPost, "/v1/events", body, &got)
		require.Equal(t, want, got.Status)
	}
	conflict := func(body string) {
		t.Helper()
		a, err := s.Ask(ctx, http.MethodPost, "/v1/events", []byte(body))
		require.NoError(t, err)
		require.Equal(t, http.StatusConflict, a.Status, "%s", a.Body)
		p, err := problemOf(a)
		require.NoError(t, err)
		require.Equal(t, "conflict", p.Code)
	}
	judge := func() {
		t.Helper()
		post(event, "duplicate")
		post(`{"quantity":"5.0","feature_type":"api_calls","user_id":"u","tenant_id":"acme","id":"a"}`, "duplicate")
		conflict(`{"id":"a","tenant_id":"acme","user_id":"u","feature_type":"api_calls","quantity":6}`)
		conflict(`{"id":"a","tenant_id":"acme","user_id":"v","feature_type":"api_calls","quantity":5}`)
		conflict(`{"id":"a","tenant_id":"acme","user_id":"u","feature_type":"compute_time","quantity":5}`)
		conflict(`{"id":"a","tenant_id":"acme","user_id":"u","feature_type":"api_calls","quantity":5,"metadata":{"k":1}}`)
		// A time that is given differs from one that was left out, whatever it is.
		conflict(`{"id":"a","tenant_id":"acme","user_id":"u","feature_type":"api_calls","quantity":5,"timestamp":"` +
			time.Now().UTC().Format(time.RFC3339Nano) + `"}`)
	}
	total := func(tenant, want string) {
		t.Helper()
		var rows = s.usage(ctx, t, "meter", "api_calls", "tenant_id", tenant,
			"from", time.Now().UTC().Add(-48*time.Hour).Truncate(24*time.Hour).Format(time.RFC3339),
			"to", time.Now().UTC().Add(48*time.Hour).Truncate(24*time.Hour).Format(time.RFC3339))
		require.Len(t, rows, 1)
		require.Equal(t, want, rows[0].Value.String())
	}

	post(event, "counted")
	judge()
	s.Kill()
	s = serve(ctx, t, dir)
	judge()
	total("acme", "5")

	post(`{"id":"a","tenant_id":"other","user_id":"u","feature_type":"api_calls","quantity":5}`, "counted")
	post(`{"id":"a","source":"second","tenant_id":"acme","user_id":"u","feature_type":"api_calls","quantity":5}`, "counted")
	total("acme", "10")
	total("other", "5")

	// In one batch: the first counts, its copy is a duplicate, another payload is refused alone.
	const b = `{"id":"b","tenant_id":"acme","feature_type":"api_calls"}`
	const c = `{"id":"b","tenant_id":"acme","feature_type":"api_calls","quantity":2}`
	var got batchAnswer
	s.must(ctx, t, http.StatusOK, http.MethodPost, "/v1/events", "["+b+","+b+","+c+"]", &got)
	require.Equal(t, batchAnswer{Accepted: 1, Duplicates: 1, RejectedTotal: 1}, trim(got))
	require.Equal(t, 2, got.Rejected[0].Index)
	require.Equal(t, "conflict", got.Rejected[0].Code)
	s.Kill()
	s = serve(ctx, t, dir)
	s.must(ctx, t, http.StatusOK, http.MethodPost, "/v1/events", "["+b+","+b+"]", &got)
	require.Equal(t, batchAnswer{Duplicates: 2}, trim(got))
	total("acme", "11")

	s.stop(t)
	require.Contains(t, mustWeir(ctx, t, "verify", "--data", dir), "verified: 4 events")
}
