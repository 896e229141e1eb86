package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBackupRestoreDoctor: a backup through the server and one of the stopped directory are restored elsewhere, verify, and know
// what was acknowledged; a damaged one is refused; the doctor finds all well.
func TestBackupRestoreDoctor(t *testing.T) {
	tmp := t.TempDir()
	dir, online, offline := filepath.Join(tmp, "data"), filepath.Join(tmp, "online.tar"), filepath.Join(tmp, "offline.tar")
	s := start(t, "serve", "--data", dir)
	event := []string{"record", "--server", s.base, "--data", dir, "--tenant", "acme", "--feature", "api_calls", "--id", "e1", "--quantity", "7"}
	code, _, stderr := run(t, nil, event...)
	require.Equal(t, exitOK, code, stderr)

	code, _, stderr = run(t, nil, "backup", "--server", s.base, "--out", online)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "WEIR_KEY")
	code, stdout, stderr := run(t, nil, "backup", "--server", s.base, "--data", dir, "--out", online)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stdout, "digest")
	code, _, stderr = run(t, nil, "backup", "--server", s.base, "--data", dir, "--out", online)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "exists")
	code, stdout, stderr = run(t, nil, "doctor", "--server", s.base, "--data", dir, "-o", "table")
	require.Equal(t, exitOK, code, stderr, stdout)
	require.Contains(t, stdout, "a server has it open")
	require.Contains(t, stdout, "quarter_hour")
	require.Equal(t, exitOK, s.stop())

	code, _, stderr = run(t, nil, "backup", "--data", dir, "--out", offline)
	require.Equal(t, exitOK, code, stderr)
	code, stdout, stderr = run(t, nil, "doctor", "--data", dir)
	require.Equal(t, exitOK, code, stderr, stdout)
	var d diagnosis
	require.NoError(t, json.Unmarshal([]byte(stdout), &d))
	require.NotNil(t, d.Stats)
	require.EqualValues(t, 1, d.Stats.Events)
	require.NotNil(t, d.Storage[2].Bytes, "measured")

	for i, file := range []string{online, offline} {
		to := filepath.Join(tmp, "restored", string(rune('a'+i)))
		code, stdout, stderr = run(t, nil, "restore", file, "--data", to, "--verify")
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, stdout, "verified: 1 events")
		code, _, stderr = run(t, nil, "restore", file, "--data", to)
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, "empty directory")
	}
	text, err := os.ReadFile(offline)
	require.NoError(t, err)
	text[len(text)/2] ^= 0x10
	bad := filepath.Join(tmp, "bad.tar")
	require.NoError(t, os.WriteFile(bad, text, 0o600))
	code, _, stderr = run(t, nil, "restore", bad, "--data", filepath.Join(tmp, "never"))
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "damaged")

	code, _, stderr = run(t, nil, "doctor", "--data", filepath.Join(tmp, "nowhere"))
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "something is wrong")
	code, _, stderr = run(t, nil, "backup", "--data", filepath.Join(tmp, "nowhere"), "--out", filepath.Join(tmp, "x"))
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "no data directory")
}

// TestRefusedDirectories: what is refused is left as it was, without a lock file.
func TestRefusedDirectories(t *testing.T) {
	empty, foreign := t.TempDir(), t.TempDir()
	note, broken := filepath.Join(foreign, "note.txt"), filepath.Join(t.TempDir(), "x.tar")
	require.NoError(t, os.WriteFile(note, nil, 0o600))
	require.NoError(t, os.WriteFile(broken, []byte("no tar"), 0o600))
	for _, args := range []string{
		"restore " + broken + " --data " + empty, "restore " + broken + " --data " + foreign, "serve --listen 127.0.0.1:0 --data " + foreign,
		"dev --listen 127.0.0.1:0 --data " + foreign, "verify --data " + foreign, "doctor --data " + foreign, "backup --out " + broken + "2 --data " + foreign,
	} {
		code, stdout, stderr := run(t, nil, strings.Fields(args)...)
		require.Equal(t, exitFailed, code, "%s: %s%s", args, stdout, stderr)
		require.NoFileExists(t, filepath.Join(empty, "LOCK"), args)
		entries, err := os.ReadDir(foreign)
		require.NoError(t, err)
		require.Len(t, entries, 1, args)
	}
}
