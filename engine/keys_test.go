package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// A key's life: made, used, rotated with an overlap, revoked; and all of it again after a restart and from the log alone.
func TestKeys(t *testing.T) {
	clock, fs := newTestClock(), vfs.NewMem()
	e := openMem(t, fs, clock, nil)
	ctx := WithRequest(WithActor(context.Background(), "key:boss"), "req-1", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	boss, bossSecret, err := e.CreateKey(ctx, usage.Key{Name: "boss", Scopes: []usage.Scope{usage.ScopeAdmin}})
	require.NoError(t, err)
	st, secret, err := e.CreateKey(ctx, usage.Key{Name: "app", Scopes: []usage.Scope{"ingest", "check", "ingest"}, Tenants: []string{"globex", "acme", "acme"}})
	require.NoError(t, err)
	require.Equal(t, []usage.Scope{"check", "ingest"}, st.Scopes)
	require.Equal(t, []string{"acme", "globex"}, st.Tenants)
	require.GreaterOrEqual(t, len(secret)*5, 256, "bits")

	k, ok := e.Authenticate(st.ID, secret)
	require.True(t, ok)
	require.Equal(t, "app", k.Name)
	for _, wrong := range [][2]string{{st.ID, bossSecret}, {st.ID, ""}, {st.ID, secret + "x"}, {"nobody", secret}, {"", ""}, {st.ID + "x", secret}} {
		_, ok = e.Authenticate(wrong[0], wrong[1])
		require.False(t, ok, wrong)
	}

	st, second, err := e.RotateKey(ctx, st.ID, time.Hour)
	require.NoError(t, err)
	require.Equal(t, clock.Now().Add(time.Hour).UTC(), st.PreviousUntil)
	session := e.SignWithKey(st.ID, []byte("m"))
	require.Len(t, session, 2)
	check := func(e *Engine, one, two bool) {
		t.Helper()
		_, ok := e.Authenticate(st.ID, secret)
		require.Equal(t, one, ok, "the old secret")
		_, ok = e.Authenticate(st.ID, second)
		require.Equal(t, two, ok, "the new one")
	}
	check(e, true, true)
	clock.advance(time.Hour)
	check(e, false, true)
	require.Equal(t, session[:1], e.SignWithKey(st.ID, []byte("m")))

	require.Equal(t, usage.CodeInUse, usage.Code(e.DeleteKey(ctx, boss.ID)), "the last key that may do everything")
	require.Equal(t, usage.CodeNotFound, usage.Code(e.DeleteKey(ctx, "nobody")))
	require.NoError(t, e.Close())
	e = openMem(t, fs, clock, nil)
	check(e, false, true)
	require.NoError(t, e.DeleteKey(ctx, st.ID))
	check(e, false, false)
	require.Empty(t, e.SignWithKey(st.ID, []byte("m")))
	require.Equal(t, usage.CodeNotFound, usage.Code(e.DeleteKey(ctx, st.ID)), "again")
	_, _, err = e.RotateKey(ctx, st.ID, 0)
	require.Equal(t, usage.CodeNotFound, usage.Code(err))
	_, err = e.ImportKey(ctx, usage.Key{ID: st.ID, Scopes: []usage.Scope{"admin"}}, second)
	require.Equal(t, usage.CodeConflict, usage.Code(err), "a revoked key does not come back")
	require.True(t, e.KeyRevoked(st.ID))
	live, err := e.Keys("", 10)
	require.NoError(t, err)
	require.Len(t, live, 1)

	require.NoError(t, e.Verify(ctx))
	index, want := e.Digest()
	copyLog(t, e, clock, 3, 1, index, want)
	require.NoError(t, e.store.Blocks(1, func(_ uint64, block []byte) error {
		for _, s := range []string{secret, second, bossSecret} {
			require.NotContains(t, string(block), s, "a secret is in the log")
		}
		return nil
	}))
	_, ok = e.Authenticate(boss.ID, bossSecret)
	require.True(t, ok)
}

func names(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprint("t", i))
	}
	return list
}

func TestKeysAreValidated(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	for _, tc := range []struct {
		key     usage.Key
		code    usage.ErrorCode
		pointer string
	}{
		{usage.Key{}, usage.CodeMissingField, "/scopes"},
		{usage.Key{Scopes: []usage.Scope{"reed"}}, usage.CodeInvalidValue, "/scopes"},
		{usage.Key{ID: "mine", Scopes: []usage.Scope{"read"}}, usage.CodeInvalidValue, "/id"},
		{usage.Key{Name: "a\nb", Scopes: []usage.Scope{"read"}}, usage.CodeInvalidValue, "/name"},
		{usage.Key{Scopes: []usage.Scope{"portal"}}, usage.CodeMissingField, "/tenants"},
		{usage.Key{Scopes: []usage.Scope{"read"}, Tenants: []string{".."}}, usage.CodeInvalidValue, "/tenants"},
		{usage.Key{Scopes: []usage.Scope{"read"}, Tenants: names(257)}, usage.CodeInvalidValue, "/tenants"},
	} {
		_, _, err := e.CreateKey(context.Background(), tc.key)
		var ue *usage.Error
		require.ErrorAs(t, err, &ue)
		require.Equal(t, []string{string(tc.code), tc.pointer}, []string{string(ue.Code), ue.Pointer}, "%+v", tc.key)
	}
	live, err := e.Keys("", 10)
	require.NoError(t, err)
	require.Empty(t, live)
}

// The audit is a chain: whoever has the entries as they are stored can check it, and a change breaks it.
func TestAuditChain(t *testing.T) {
	clock, fs := newTestClock(), vfs.NewMem()
	e := openMem(t, fs, clock, func(o *Options) { o.CheckpointItems = 3 })
	ctx := WithRequest(WithActor(context.Background(), "key:k1"), "req-7", "")
	putPlan(t, e, "free", `[{"slug":"m","meter":"api_calls","period":"month","limit":10}]`)
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "acme", Plan: "free"}))
	_, err := e.Record(ctx, event("1"))
	require.NoError(t, err)
	_, err = e.ResetQuota(ctx, usage.Reset{ID: "r", TenantID: "acme", Quota: "m", Reason: "a gift"})
	require.NoError(t, err)
	_, secret, err := e.CreateKey(ctx, usage.Key{Scopes: []usage.Scope{"admin"}})
	require.NoError(t, err)
	require.NoError(t, e.Close())
	e = openMem(t, fs, clock, nil)
	require.NoError(t, e.DeleteMeter(ctx, "seats"))

	all, err := e.Audit(ctx, 0, 1000)
	require.NoError(t, err)
	prev := strings.Repeat("0", 64)
	for i, entry := range all {
		require.EqualValues(t, i+1, entry.Number)
		require.Equal(t, prev, entry.Prev)
		stored := entry
		stored.Hash = ""
		row, err := json.Marshal(stored)
		require.NoError(t, err)
		sum := sha256.Sum256(row)
		require.Equal(t, hex.EncodeToString(sum[:]), entry.Hash, "the hash is of the entry without it")
		require.NotContains(t, string(row), secret)
		prev = entry.Hash
	}
	last := all[len(all)-1]
	require.Equal(t, []string{"meter.delete", "meter/seats", "key:k1", "req-7", "null"},
		[]string{last.Action, last.Target, last.Actor, last.RequestID, string(last.After)})
	reset := all[len(all)-3]
	require.Equal(t, []string{"reset", "key:k1", "req-7"}, []string{reset.Action, reset.Actor, reset.RequestID})
	require.NoError(t, e.Verify(ctx))

	// A row that was changed on disk is found, by the fold and by the chain alone.
	e.state.mu.Lock()
	require.NoError(t, e.state.ckpt.wait())
	e.state.mu.Unlock()
	w := e.store.NewCheckpoint()
	forged := all[2]
	forged.Actor, forged.Hash = "key:other", ""
	require.NoError(t, w.Set(wal.AppendAuditKey(nil, forged.Number), mustJSON(forged)))
	meta, _ := e.store.Meta()
	require.NoError(t, w.Commit(meta))
	view := e.store.View()
	defer view.Close()
	v := &verifier{view: view}
	require.ErrorIs(t, v.compareAudit(), ErrMismatch)
	require.ErrorIs(t, e.Verify(ctx), ErrMismatch)
}

// An event of any age counts when it was recorded with backfill, also when the log is folded again; all else about it stays.
func TestBackfill(t *testing.T) {
	clock, fs := newTestClock(), vfs.NewMem()
	e := openMem(t, fs, clock, nil)
	ctx := context.Background()
	old := event("old")
	old.Timestamp = clock.Now().AddDate(-6, 0, 0)
	_, err := e.Record(ctx, old)
	require.Equal(t, usage.CodeEventTooOld, usage.Code(err))
	out, err := e.Record(WithBackfill(ctx), old)
	require.NoError(t, err)
	require.Equal(t, usage.StatusCounted, out.Status)
	out, err = e.Record(ctx, old)
	require.NoError(t, err)
	require.Equal(t, usage.StatusDuplicate, out.Status, "a retry by another key is the same event")
	ahead := event("ahead")
	ahead.Timestamp = clock.Now().Add(time.Hour)
	_, err = e.Record(WithBackfill(ctx), ahead)
	require.Equal(t, usage.CodeEventInFuture, usage.Code(err))
	rows, err := e.Usage(ctx, usage.Query{Meter: "api_calls", TenantID: "acme", From: old.Timestamp.Add(-time.Hour), To: old.Timestamp.Add(time.Hour)})
	require.NoError(t, err)
	require.Equal(t, "2", rows.Data[0].Value.String())
	require.NoError(t, e.Verify(ctx))
	index, want := e.Digest()
	copyLog(t, e, clock, 3, 1, index, want)
}
