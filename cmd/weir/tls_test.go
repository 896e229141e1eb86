package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// writeCertificate makes a certificate of 127.0.0.1 with a serial number.
func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "weir"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert
}

// A server with TLS, whose certificate is replaced while it runs.
func TestServeTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	first := writeCertificate(t, certFile, keyFile, 1)
	s := start(t, "serve", "--data", filepath.Join(dir, "data"), "--tls-cert", certFile, "--tls-key", keyFile)
	require.True(t, strings.HasPrefix(s.base, "https://"), s.base)
	ask := func(trusted *x509.Certificate) (int64, error) {
		pool := x509.NewCertPool()
		pool.AddCert(trusted)
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true, ForceAttemptHTTP2: true}}
		res, err := client.Get(s.base + "/healthz")
		if err != nil {
			return 0, err
		}
		defer res.Body.Close()
		require.Equal(t, 200, res.StatusCode)
		require.Equal(t, 2, res.ProtoMajor)
		return res.TLS.PeerCertificates[0].SerialNumber.Int64(), nil
	}
	serial, err := ask(first)
	require.NoError(t, err)
	require.EqualValues(t, 1, serial)
	res, err := http.Get("http" + strings.TrimPrefix(s.base, "https") + "/healthz")
	require.NoError(t, err)
	require.Equal(t, 400, res.StatusCode, "plain HTTP on a port of TLS")
	require.NoError(t, res.Body.Close())
	second := writeCertificate(t, certFile, keyFile, 2)
	require.Eventually(t, func() bool {
		serial, err := ask(second)
		return err == nil && serial == 2
	}, time.Minute, 50*time.Millisecond)
	require.Equal(t, exitOK, s.stop())
}

// Files that are half replaced, or gone, leave the certificate in use.
func TestCertificateStays(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	_, err := newCertificate(certFile, keyFile, slog.New(slog.DiscardHandler))
	require.Error(t, err)
	writeCertificate(t, certFile, keyFile, 1)
	c, err := newCertificate(certFile, keyFile, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	now := time.Now()
	c.now = func() time.Time { return now }
	serial := func() int64 {
		t.Helper()
		now = now.Add(2 * certificateLookEvery)
		cert, err := c.get(nil)
		require.NoError(t, err)
		leaf, err := x509.ParseCertificate(cert.Certificate[0])
		require.NoError(t, err)
		return leaf.SerialNumber.Int64()
	}
	other := filepath.Join(dir, "other.pem")
	writeCertificate(t, certFile, other, 2)
	require.EqualValues(t, 1, serial(), "the key is of another certificate")
	require.NoError(t, os.Rename(other, keyFile))
	require.EqualValues(t, 2, serial())
	require.NoError(t, os.Remove(keyFile))
	require.EqualValues(t, 2, serial())
	require.NoError(t, os.WriteFile(certFile, []byte("no"), 0o600))
	require.EqualValues(t, 2, serial())
}

func TestMayListen(t *testing.T) {
	for listen, ok := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, "127.9.9.9:1": true, "0.0.0.0:1": false, ":1": false,
		"[::]:1": false, "10.0.0.1:1": false, "weir.example:1": false} {
		require.Equal(t, ok, mayListen(listen, false, false) == nil, listen)
		require.NoError(t, mayListen(listen, true, false), listen)
		require.NoError(t, mayListen(listen, false, true), listen)
	}
	require.Error(t, mayListen("7070", true, true))
}
