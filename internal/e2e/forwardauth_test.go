//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// gatewayHost is a gateway that asks weir before it passes a request on. Placeholders: port, upstream, weir, key.
const gatewayHost = `	server {
		listen 127.0.0.1:%[1]d;
		location / { auth_request /weir; proxy_pass %[2]s; }
		location = /weir {
			internal;
			proxy_pass %[3]s/v1/forward-auth?feature_type=api_calls&deny=403;
			proxy_pass_request_body off;
			proxy_set_header Content-Length "";
			proxy_set_header X-Weir-Key %[4]s;
			proxy_set_header X-Weir-Tenant $http_x_tenant;
			proxy_set_header X-Request-Id $request_id;
		}
	}
`

// TestForwardAuth: a real nginx asks weir for every request. As many as the limit reach the upstream, the others are 403, and weir has
// counted what came through.
func TestForwardAuth(t *testing.T) {
	ctx := deadline(t, time.Minute)
	s := serve(ctx, t, filepath.Join(t.TempDir(), "data"))
	s.must(ctx, t, 201, http.MethodPut, "/v1/plans/p", `{"quotas":[{"slug":"m","meter":"api_calls","period":"month","limit":20}]}`, nil)
	s.must(ctx, t, 201, http.MethodPut, "/v1/tenants/acme", `{"plan":"p"}`, nil)
	var passed atomic.Int64
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		passed.Add(1)
		fmt.Fprint(w, "hello "+r.Header.Get("X-Tenant"))
	}))
	defer upstream.Close()
	dir := t.TempDir()
	n := launchNginx(ctx, t, dir, func(port int) []byte {
		return fmt.Appendf(nil, nginxConf, dir, fmt.Sprintf(gatewayHost, port, upstream.URL, s.Base, s.Key))
	})
	statuses := make(map[int]int)
	for range 30 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.address+"/", nil)
		require.NoError(t, err)
		req.Header.Set("X-Tenant", "acme")
		req.Header.Set("Authorization", "Bearer the-clients-own")
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		statuses[res.StatusCode]++
	}
	require.Equal(t, map[int]int{200: 20, 403: 10}, statuses)
	require.EqualValues(t, 20, passed.Load())
	var list struct{ Data []struct{ Used int64 } }
	s.must(ctx, t, 200, http.MethodGet, "/v1/tenants/acme/quotas", "", &list)
	require.EqualValues(t, 20, list.Data[0].Used)
}
