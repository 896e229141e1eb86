//go:build !unix

package client

import "os"

// lockSpool opens the lock file; here nothing keeps a second process out.
func lockSpool(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
}
