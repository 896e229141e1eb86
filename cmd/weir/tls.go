package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// certificate is a certificate and its key in two files, read again when they change: a renewed one is used by the next
// connection, without a restart. Files that cannot be read leave the old one in use.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time // a seam for tests

	mu      sync.Mutex // guards the block below
	current *tls.Certificate
	stamps  [2]fileStamp // of the files that current was read from, or that could not be read
	looked  time.Time
}

// fileStamp tells whether a file has changed.
type fileStamp struct {
	modified time.Time
	size     int64
}

// certificateLookEvery is how often the files are looked at, at most.
const certificateLookEvery = time.Second

func newCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, now: time.Now}
	stamps, err := c.stamp()
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	c.current, c.stamps, c.looked = &cert, stamps, c.now()
	return c, nil
}

func (c *certificate) stamp() (stamps [2]fileStamp, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return stamps, err
		}
		stamps[i] = fileStamp{info.ModTime(), info.Size()}
	}
	return stamps, nil
}

// config is a server's configuration: TLS 1.2 and later, with the ciphers that Go takes for safe.
func (c *certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
}

// get is a tls.Config.GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if now.Sub(c.looked) < certificateLookEvery {
		return c.current, nil
	}
	c.looked = now
	stamps, err := c.stamp()
	if err == nil && stamps == c.stamps {
		return c.current, nil
	}
	var cert tls.Certificate
	if err == nil {
		cert, err = tls.LoadX509KeyPair(c.certFile, c.keyFile)
	}
	if err != nil { // half replaced, perhaps: the next look may find the rest
		c.log.Warn("the certificate has changed and cannot be read; the old one stays in use", "cert", c.certFile, "err", err)
		return c.current, nil
	}
	c.current, c.stamps = &cert, stamps
	c.log.Info("the certificate was read again", "cert", c.certFile)
	return c.current, nil
}

// mayListen refuses to carry keys in the clear where another machine could ask.
func mayListen(listen string, encrypted, insecure bool) error {
	host, port, err := net.SplitHostPort(listen)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return wrongUsage("--listen %q must be host:port: %w", listen, err)
	}
	if encrypted || insecure || host == "localhost" {
		return nil
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.IsLoopback() {
		return nil
	}
	return wrongUsage("%q can be reached from other machines, and keys would travel in the clear: give --tls-cert and --tls-key, listen on 127.0.0.1 "+
		"behind a proxy that encrypts, or say --insecure", listen)
}
