package httpapi

// What hostile clients send, over real connections: they get an error, others get their answers, and the log tells no secrets.

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/internal/weirtest"
)

var slowClients = flag.Int("slow", 1000, "how many clients drip their headers in TestSlowClients")

// serveReal serves the fixture's API on a loopback address until the test ends.
func (f *fixture) serveReal() string {
	f.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(f.t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.api.Serve(ctx, l) }()
	f.t.Cleanup(func() { stop(); <-done })
	return l.Addr().String()
}

// p99 asks for n checks, one after another, all of which must succeed.
func (f *fixture) p99(client *http.Client, addr string, n int) time.Duration {
	f.t.Helper()
	took := make([]time.Duration, n)
	for i := range took {
		r, err := http.NewRequest("POST", "http://"+addr+"/v1/check", strings.NewReader(`{"tenant_id":"acme","feature_type":"api_calls"}`))
		require.NoError(f.t, err)
		r.Header.Set("Authorization", "Bearer "+f.key)
		begin := time.Now()
		res, err := client.Do(r)
		require.NoError(f.t, err)
		_, _ = io.Copy(io.Discard, res.Body)
		require.NoError(f.t, res.Body.Close())
		require.Equal(f.t, 200, res.StatusCode)
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	return took[n*99/100]
}

// TestSlowClients: clients that send a byte now and then hold connections and nothing else.
func TestSlowClients(t *testing.T) {
	f := scopeFixture(t)
	addr := f.serveReal()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	before := f.p99(client, addr, 300)
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	for range *slowClients {
		c, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		conns = append(conns, c)
		_, err = io.WriteString(c, "POST /v1/events HTTP/1.1\r\nHost: x\r\nX-Drip: ")
		require.NoError(t, err)
	}
	stop := make(chan struct{})
	var dripping sync.WaitGroup
	dripping.Go(func() {
		every := time.NewTicker(50 * time.Millisecond)
		defer every.Stop()
		for {
			for _, c := range conns {
				_, _ = io.WriteString(c, "a")
			}
			select {
			case <-stop:
				return
			case <-every.C:
			}
		}
	})
	during := f.p99(client, addr, 300)
	close(stop)
	dripping.Wait()
	t.Logf("p99 of a check: %v alone, %v beside %d clients that drip their headers", before, during, *slowClients)
}

// TestHostileBodies: what is small on the wire and large inside, or nested without end, costs what the bounds say.
func TestHostileBodies(t *testing.T) {
	f := scopeFixture(t)
	zeros := bytes.Repeat([]byte(" "), 64<<20)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := z.Write(zeros)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	encoder, err := zstd.NewWriter(nil, zstd.WithWindowSize(8<<20))
	require.NoError(t, err)
	zstandard := encoder.EncodeAll(zeros, nil)
	require.NoError(t, encoder.Close())
	for _, target := range []string{"/v1/events", "/v1/consume", "/v1/consume/batch", "/compat/openmeter/api/v1/events", "/compat/lago/api/v1/events"} {
		for encoding, body := range map[string][]byte{"gzip": zipped.Bytes(), "zstd": zstandard} {
			w := f.send("POST", target, bytes.NewReader(body), "Content-Encoding", encoding, "Content-Type", "application/json")
			require.Contains(t, []int{400, 413}, w.Code, "%s %s: %s", target, encoding, w.Body)
		}
		for _, deep := range []string{strings.Repeat("[", 1<<20), strings.Repeat(`{"a":`, 1<<19), `{"metadata":` + strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000) + "}"} {
			w := f.send("POST", target, strings.NewReader(deep), "Content-Type", "application/json")
			require.GreaterOrEqual(t, w.Code, 400, target)
			require.Less(t, w.Code, 500, target)
		}
	}
	w := f.send("PUT", "/v1/meters/m", bytes.NewReader(zipped.Bytes()), "Content-Encoding", "gzip", "Content-Type", "application/json")
	require.Equal(t, 413, w.Code)
	w = f.send("POST", "/v1/events", bytes.NewReader(zipped.Bytes()), "Content-Encoding", "gzip", "Content-Type", "application/x-ndjson")
	require.Less(t, w.Code, 500, "a line without end")
	require.Equal(t, "0", f.total("api_calls"))
}

// raw sends bytes as they are, and answers what comes back.
func raw(t *testing.T, addr, text string) (status int, head string, body string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, text)
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err, text)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	var h bytes.Buffer
	require.NoError(t, res.Header.Write(&h))
	return res.StatusCode, h.String(), string(b)
}

// TestHeadersAndPaths: nothing that a client sends ends up as a header of its own, and no path leads out.
func TestHeadersAndPaths(t *testing.T) {
	f := scopeFixture(t)
	addr := f.serveReal()
	auth := "Authorization: Bearer " + f.key + "\r\nConnection: close\r\n"
	for _, path := range []string{"/v1/tenants/a%0d%0aSet-Cookie:%20x=1", "/v1/meters/%0aX-Evil:1", "/v1/usage?meter=a%0d%0aX-Evil:1", "/v1/nothing%0d%0aX-Evil:1",
		"/%0d%0aX-Evil:1"} {
		status, head, _ := raw(t, addr, "GET "+path+" HTTP/1.1\r\nHost: x\r\n"+auth+"X-Request-Id: ok\x01\r\nTraceparent: 00-x\r\n\r\n")
		require.GreaterOrEqual(t, status, 200)
		require.NotContains(t, head, "Evil", path)
		require.NotContains(t, head, "Set-Cookie", path)
	}
	w := f.send("PUT", "/v1/tenants/a%0d%0aX-Evil:1", strings.NewReader(`{}`), "Content-Type", "application/json")
	require.Equal(t, 422, w.Code)
	w = f.send("POST", "/v1/reservations", strings.NewReader(`{"id":"a\r\nX-Evil: 1","tenant_id":"acme","feature_type":"api_calls","quantity":1}`), "Content-Type", "application/json")
	require.Equal(t, 422, w.Code)
	require.Empty(t, w.Header().Get("Location"))

	for _, path := range []string{"/../../../../etc/passwd", "/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/v1/../../etc/passwd", "/docs/..%2f..%2fetc/passwd", "/assets/../../../etc/passwd",
		"/assets/..%5c..%5cetc%5cpasswd", "//etc/passwd", "/v1//meters", "/v1/./meters", "/compat/lago/../../v1/meters", "/%00", "/v1/meters/%2e%2e"} {
		status, _, body := raw(t, addr, "GET "+path+" HTTP/1.1\r\nHost: x\r\n"+auth+"\r\n")
		require.NotContains(t, body, "root:", path)
		require.Contains(t, []int{200, 301, 302, 307, 400, 401, 404, 405}, status, path)
		if strings.HasPrefix(path, "/v1") {
			require.NotEqual(t, 200, status, path)
		}
	}
	for _, text := range []string{"GET / HTTP/9.9\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02", "GET /v1/meters HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 1<<20) + "\r\n\r\n",
		"POST /v1/events HTTP/1.1\r\nHost: x\r\n" + auth + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"} {
		c, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		_, _ = io.WriteString(c, text+"\r\n\r\n")
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err == nil {
			require.GreaterOrEqual(t, res.StatusCode, 400, text[:min(len(text), 40)])
			_ = res.Body.Close()
		}
		_ = c.Close()
	}
	require.Equal(t, 200, f.get("/v1/meters").Code)
}

// TestBrowsersOfOtherSites: no answer lets another site read it, no cookie is ever set, and without keys another site cannot write.
func TestBrowsersOfOtherSites(t *testing.T) {
	f := scopeFixture(t)
	local, err := New(f.eng, &Options{NoAuth: true})
	require.NoError(t, err)
	for name, api := range map[string]*API{"with keys": f.api, "without": local} {
		for _, e := range endpoints {
			for _, method := range []string{"OPTIONS", e.method} {
				r := httptest.NewRequest(method, "http://127.0.0.1:7070"+strings.NewReplacer("{id}", "acme", "{slug}", "api_calls", "{quota}", "q").Replace(e.pattern), strings.NewReader(`{}`))
				r.Header.Set("Origin", "https://evil.example")
				r.Header.Set("Sec-Fetch-Site", "cross-site")
				r.Header.Set("Access-Control-Request-Method", e.method)
				if strings.HasPrefix(e.pattern, "/v1/stream") || strings.HasPrefix(e.pattern, "/v1/backup") {
					continue // without an end
				}
				w := httptest.NewRecorder()
				api.ServeHTTP(w, r)
				for header := range w.Header() {
					require.False(t, strings.HasPrefix(header, "Access-Control-") || header == "Set-Cookie", "%s, %s %s: %s", name, method, e.pattern, header)
				}
				if strings.HasPrefix(e.pattern, "/v1/") && method != "GET" {
					require.Contains(t, []int{401, 403, 405}, w.Code, "%s, %s %s", name, method, e.pattern)
				}
			}
		}
	}
}

// TestLogsKeepSecrets: keys, tokens and bodies never reach the log, and nothing that is sent begins a line of its own.
func TestLogsKeepSecrets(t *testing.T) {
	for name, handler := range map[string]func(io.Writer) slog.Handler{
		"text": func(w io.Writer) slog.Handler {
			return slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
		},
		"json": func(w io.Writer) slog.Handler {
			return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
		},
	} {
		f := scopeFixture(t)
		var log weirtest.Output
		api, err := New(f.eng, &Options{Logger: slog.New(handler(&log))})
		require.NoError(t, err)
		f.api = api
		_, session := f.do("POST", "/v1/portal/sessions", `{"tenant_id":"acme"}`)
		_, made := f.do("POST", "/v1/keys", `{"scopes":["read"]}`)
		secrets := []string{strings.Split(f.key, "_")[2], made["secret"].(string), session["token"].(string), "planted-secret"}
		for _, secret := range secrets {
			for _, target := range []string{"/v1/meters?key=" + secret, "/v1/forward-auth?feature_type=" + secret, "/v1/nothing?x=" + secret, "/v1/usage?meter=" + secret} {
				for _, header := range []string{"Bearer " + secret, "Basic " + secret, "Bearer weir_x_" + secret, secret} {
					f.get(target, "Authorization", header, "X-Weir-Key", secret, "Idempotency-Key", secret, "Cookie", secret)
				}
			}
			f.post(`{"id":"`+secret+`","tenant_id":"`+secret+`","feature_type":"api_calls","metadata":{"card":"`+secret+`"}}`, "Idempotency-Key", secret)
			f.do("POST", "/v1/events", `{"`+secret+`":1}`)
		}
		f.get("/v1/a%0atime=x%20level=ERROR%20msg=forged", "X-Request-Id", "a\nlevel=ERROR", "Traceparent", "00-\nforged")
		f.get("/v1/b%0d%0a{\"level\":\"ERROR\",\"msg\":\"forged\"}")
		text := log.String()
		require.Contains(t, text, "request", name)
		for _, secret := range secrets {
			require.NotContains(t, text, secret, name)
		}
		for line := range strings.Lines(text) {
			require.True(t, strings.HasPrefix(line, "time=") || strings.HasPrefix(line, `{"time":`), "%s: %q", name, line)
			require.NotContains(t, line, "\r", name)
		}
	}
}

// TestCurl: curl posts gzip and zstd.
func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("there is no curl")
	}
	f := scopeFixture(t)
	addr := f.serveReal()
	for encoding, pack := range map[string]func(*testing.T, []byte) []byte{"gzip": zip, "zstd": zstdOf} {
		file := filepath.Join(t.TempDir(), "body")
		require.NoError(t, os.WriteFile(file, pack(t, []byte(fmt.Sprintf(`[{"id":"%s","tenant_id":"acme","feature_type":"api_calls","quantity":5}]`, encoding))), 0o600))
		out, err := exec.CommandContext(t.Context(), curl, "-sS", "http://"+addr+"/v1/events", "-H", "Authorization: Bearer "+f.key,
			"-H", "Content-Type: application/json", "-H", "Content-Encoding: "+encoding, "--data-binary", "@"+file).CombinedOutput()
		require.NoError(t, err, string(out))
		require.Contains(t, string(out), `"accepted":1`)
	}
	require.Equal(t, "10", f.total("api_calls"))
}
