package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/httpapi"
	"github.com/weirhq/weir/usage"
)

// keyFile is where `weir serve` keeps the admin key, below its data directory.
const keyFile = "admin.key"

// adminKey answers the admin key of a data directory and makes one at the first start. The
// file is written whole under another name and then linked to its own, so that a crash leaves
// no half key and two servers that start at once agree on one.
func adminKey(dir string) (key string, made bool, err error) {
	key, err = readKey(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	key = newAdminKey()
	f, err := os.CreateTemp(dir, keyFile+".tmp-*") // 0600
	if err != nil {
		return "", false, fmt.Errorf("write the admin key: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(key + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), filepath.Join(dir, keyFile))
	}
	if errors.Is(err, fs.ErrExist) {
		key, err = readKey(dir)
		return key, false, err
	}
	if err != nil {
		return "", false, fmt.Errorf("write the admin key: %w", err)
	}
	return key, true, nil
}

// newAdminKey makes a key: 60 random bits of id, which may be shown, and 260 of secret.
func newAdminKey() string {
	return httpapi.FormatKey(strings.ToLower(rand.Text()[:12]), strings.ToLower(rand.Text()+rand.Text()))
}

// admitAdminKey enters the key of the file into the engine's log, at its first start. A key that was revoked or rotated since then
// stays so: the file is only where it came from.
func admitAdminKey(ctx context.Context, eng *engine.Engine, key string, log *slog.Logger) error {
	id, secret, err := httpapi.ParseKey(key)
	if err != nil {
		return err
	}
	if _, ok := eng.Authenticate(id, secret); ok {
		return nil
	}
	if _, err := eng.Key(id); err == nil || eng.KeyRevoked(id) {
		log.Warn("the key in "+keyFile+" was revoked or rotated; delete the file to get a new one at the next start", "key", id)
		return nil
	}
	_, err = eng.ImportKey(engine.WithActor(ctx, keyFile), usage.Key{ID: id, Name: "first key, of " + keyFile, Scopes: []usage.Scope{usage.ScopeAdmin}}, secret)
	return err
}

// readKey reads the admin key of a data directory. Other users of the machine must not be
// able to.
func readKey(dir string) (string, error) {
	path := filepath.Join(dir, keyFile)
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		return "", fmt.Errorf("%s can be read by others (mode %o); run chmod 600 on it, and change the key if they may have",
			path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	key := strings.TrimSpace(string(text))
	if _, _, err := httpapi.ParseKey(key); err != nil {
		return "", fmt.Errorf("%s: %w; delete the file to get a new key", path, err)
	}
	return key, nil
}
