//go:build linux

package e2e

// A real nginx with three virtual hosts, and clients that visit it.

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/internal/weirtest"
)

const (
	nginxUsers     = 30
	nginxAddresses = 12 // clients without a name are told apart by 127.0.0.2 and so on
)

var nginxHosts = []string{"shop.example", "news.example", "api.example"}

// nginxConf runs nginx as one process, so that killing it leaves nothing behind. Placeholders:
// its directory, and its port.
const nginxConf = `
daemon off;
master_process off;
pid %[1]s/nginx.pid;
events { worker_connections 256; }
http {
	client_body_temp_path %[1]s/body;
	proxy_temp_path       %[1]s/proxy;
	fastcgi_temp_path     %[1]s/fastcgi;
	uwsgi_temp_path       %[1]s/uwsgi;
	scgi_temp_path        %[1]s/scgi;
	keepalive_requests    100000;
	log_format vhost_combined '$host:$server_port $remote_addr - $remote_user [$time_local] '
		'"$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"';
	access_log %[1]s/access.log vhost_combined;
	auth_basic_user_file %[1]s/users;
%[2]s}
`

// nginxHost is one virtual host. Placeholders: directory, port, name.
const nginxHost = `	server {
		listen 127.0.0.1:%[2]d;
		server_name %[3]s;
		root %[1]s/www;
		location /private/ { auth_basic "private"; alias %[1]s/www/; }
		location /gone     { return 410; }
		location /moved    { return 301 /0.txt; }
		location /empty    { return 204; }
		location /broken   { return 500; }
	}
`

type nginx struct {
	*weirtest.Process
	address, log string
}

// startNginx starts nginx with its virtual hosts.
func startNginx(ctx context.Context, t *testing.T) *nginx {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "www"), 0o755))
	for size := range 5 {
		text := strings.Repeat("x", size*997)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "www", strconv.Itoa(size)+".txt"), []byte(text), 0o644))
	}
	var users strings.Builder
	for i := range nginxUsers {
		fmt.Fprintf(&users, "user%d:{PLAIN}secret\n", i)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "users"), []byte(users.String()), 0o644))
	return launchNginx(ctx, t, dir, func(port int) []byte {
		var hosts strings.Builder
		for _, name := range nginxHosts {
			fmt.Fprintf(&hosts, nginxHost, dir, port, name)
		}
		return fmt.Appendf(nil, nginxConf, dir, hosts.String())
	})
}

// launchNginx runs nginx in dir on a free port, for which text makes its configuration. Another program may take the port in
// between, so it tries a few.
func launchNginx(ctx context.Context, t *testing.T, dir string, text func(port int) []byte) *nginx {
	t.Helper()
	for range 5 {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		port := free.Addr().(*net.TCPAddr).Port
		require.NoError(t, free.Close())
		conf := filepath.Join(dir, "nginx.conf")
		require.NoError(t, os.WriteFile(conf, text(port), 0o644))
		p, err := weirtest.Start(ctx, []string{nginxTZ}, "nginx", "-p", dir, "-c", conf, "-e", filepath.Join(dir, "error.log"))
		require.NoError(t, err)
		n := &nginx{p, fmt.Sprintf("127.0.0.1:%d", port), filepath.Join(dir, "access.log")}
		t.Cleanup(n.Kill)
		for !n.Ended() && ctx.Err() == nil {
			c, err := net.Dial("tcp", n.address)
			if err == nil {
				require.NoError(t, c.Close())
				return n
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Logf("nginx ended: %s", &n.Stderr)
	}
	require.Fail(t, "nginx does not start")
	return nil
}

// traffic visits nginx and waits for every answer.
func (n *nginx) traffic(ctx context.Context, t *testing.T, rng *rand.Rand, requests int) {
	t.Helper()
	var clients [nginxAddresses]*http.Client
	for i := range clients {
		d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i))}}
		transport := &http.Transport{DialContext: d.DialContext, MaxIdleConnsPerHost: 8}
		t.Cleanup(transport.CloseIdleConnections)
		clients[i] = &http.Client{Transport: transport, Timeout: 20 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	errs := make(chan error, 8)
	var wg sync.WaitGroup
	for i := range cap(errs) {
		own := rand.New(rand.NewPCG(rng.Uint64(), uint64(i)))
		wg.Go(func() {
			for range requests / cap(errs) {
				if err := n.visit(ctx, own, clients[own.IntN(len(clients))]); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	for _, raw := range []string{ // what scanners send: nginx logs it for the first host
		"HELO\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\r\n", "GET / HTTP/1.0\r\n\r\n", "GET /\"\\x22 HTTP/1.1\r\n\r\n",
	} {
		c, err := net.Dial("tcp", n.address)
		require.NoError(t, err)
		_, err = c.Write([]byte(raw))
		require.NoError(t, err)
		_, err = io.ReadAll(c)
		require.NoError(t, err)
		require.NoError(t, c.Close())
	}
}

var (
	nginxPaths  = []string{"/0.txt", "/1.txt?x=1&y=%20", "/4.txt", "/none", "/gone", "/moved", "/empty", "/broken", "/a%22b%5C", "/private/2.txt", "/private/3.txt", "/private/none"}
	nginxAgents = []string{"curl/8.5.0", "", `quote " and \ backslash`, "größe", "Mozilla/5.0 (X11; [brackets])"}
)

// visit sends one request of somebody to one of the hosts.
func (n *nginx) visit(ctx context.Context, rng *rand.Rand, client *http.Client) error {
	path := nginxPaths[rng.IntN(len(nginxPaths))]
	method := []string{http.MethodGet, http.MethodGet, http.MethodHead, http.MethodPost}[rng.IntN(4)]
	req, err := http.NewRequestWithContext(ctx, method, "http://"+n.address+path, nil)
	if err != nil {
		return err
	}
	// The first host gets most of the traffic.
	req.Host = nginxHosts[min(rng.IntN(len(nginxHosts)), rng.IntN(len(nginxHosts)))]
	if rng.IntN(5) == 0 {
		req.Host = strings.ToUpper(req.Host)
	}
	req.Header.Set("User-Agent", nginxAgents[rng.IntN(len(nginxAgents))])
	if rng.IntN(3) == 0 {
		req.Header.Set("Referer", "https://example.org/?q=\"x\"")
	}
	if rng.IntN(2) == 0 {
		req.SetBasicAuth(fmt.Sprintf("user%d", rng.IntN(nginxUsers)), []string{"secret", "secret", "wrong"}[rng.IntN(3)])
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err
}
