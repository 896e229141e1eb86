package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/weirhq/weir/httpapi"
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
	key = httpapi.NewKey()
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
	if _, err := httpapi.NewKeys(key); err != nil {
		return "", fmt.Errorf("%s: %w; delete the file to get a new key", path, err)
	}
	return key, nil
}
