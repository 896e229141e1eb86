package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// The commands about keys, against a real server; and what becomes of the first key.
func TestKeyCommands(t *testing.T) {
	dir := t.TempDir()
	s := start(t, "serve", "--data", dir)
	weir := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := run(t, nil, append(args, "--server", s.base)...)
		require.Equal(t, want, code, "%v\n%s%s", args, out, errs)
		return out + errs
	}
	admin := func(want int, args ...string) string { t.Helper(); return weir(want, append(args, "--data", dir)...) }
	require.Contains(t, admin(0, "keys", "-o", "table"), "first key, of admin.key")
	out := admin(0, "keys", "create", "--name", "app", "--scope", "ingest,check", "--tenant", "acme", "-o", "table")
	require.Contains(t, out, "scopes check, ingest. It is shown once.")
	key, _, _ := strings.Cut(out, "\n")
	id := strings.Split(key, "_")[1]
	require.Contains(t, admin(0, "keys", "list", "-o", "table"), id)
	require.Contains(t, weir(0, "record", "--tenant", "acme", "--feature", "api_calls", "--key", key), "counted")
	require.Contains(t, weir(1, "record", "--tenant", "globex", "--feature", "api_calls", "--key", key), "not for tenant")
	require.Contains(t, weir(1, "usage", "--meter", "api_calls", "--key", key), "scope")
	out = admin(0, "keys", "rotate", id, "--overlap", "0s", "-o", "table")
	require.Contains(t, weir(1, "record", "--tenant", "acme", "--feature", "api_calls", "--key", key), "unauthorized")
	key, _, _ = strings.Cut(out, "\n")
	require.Contains(t, weir(0, "record", "--tenant", "acme", "--feature", "api_calls", "--key", key), "counted")
	admin(0, "keys", "delete", id)
	require.Contains(t, weir(1, "record", "--tenant", "acme", "--feature", "api_calls", "--key", key), "unauthorized")
	require.Contains(t, admin(2, "keys", "create"), "--scope")

	// The first key is one like others: it works after a restart, and stays revoked; without its file there is a new one.
	require.Equal(t, exitOK, s.stop())
	s = start(t, "serve", "--data", dir)
	first, err := readKey(dir)
	require.NoError(t, err)
	out = admin(0, "keys", "create", "--scope", "admin", "-o", "table")
	boss, _, _ := strings.Cut(out, "\n")
	weir(0, "keys", "delete", strings.Split(first, "_")[1], "--key", boss)
	admin(1, "keys")
	require.Equal(t, exitOK, s.stop())
	s = start(t, "serve", "--data", dir)
	admin(1, "keys")
	weir(0, "keys", "--key", boss)
	require.Equal(t, exitOK, s.stop())
	require.NoError(t, os.Remove(filepath.Join(dir, keyFile)))
	s = start(t, "serve", "--data", dir)
	admin(0, "keys")
	require.Equal(t, exitOK, s.stop())
	code, out, errs := run(t, nil, "verify", "--data", dir)
	require.Equal(t, exitOK, code, out+errs)
}

// TestKeysOnce: a key that was made or rotated, and whose answer was lost, is not made or rotated again: nobody would know the first one,
// and a second rotation ends the secret that is in use.
func TestKeysOnce(t *testing.T) {
	var calls atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		calls.Add(1)
		panic(http.ErrAbortHandler)
	}))
	defer srv.Close()
	for i, args := range []string{"keys create --scope read", "keys rotate k1"} {
		code, _, stderr := run(t, nil, append(strings.Fields(args), "--server", srv.URL)...)
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, "weir keys list")
		require.EqualValues(t, i+1, calls.Load())
	}
}
