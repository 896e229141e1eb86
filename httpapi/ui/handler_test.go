package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func pages(t *testing.T) *Pages {
	t.Helper()
	p, err := New(nil)
	require.NoError(t, err)
	return p
}

func get(p *Pages, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

func TestWhichPathsArePages(t *testing.T) {
	p := pages(t)
	html := []string{"Accept", "text/html,application/xhtml+xml"}
	for _, test := range []struct {
		path    string
		headers []string
		want    int
	}{
		{"/", nil, 200},
		{"/portal", nil, 200},
		{"/portal/", nil, 200},
		{"/tenants/acme", html, 200},
		{"/tenants/acme%2Fwest", html, 200},
		{"/tenants/acme", nil, 404},
		{"/tenants/acme", []string{"Accept", "application/json"}, 404},
		{"/tenants/acme", []string{"Accept", "text/html", "Sec-Fetch-Mode", "cors"}, 404},
		{"/tenants/acme", []string{"Sec-Fetch-Mode", "navigate"}, 200},
		{"/v1/nothing", html, 404},
		{"/compat/nothing", html, 404},
		{"/assets/nothing.js", html, 404},
		{"/index.html", nil, 404},
		{"/../doc.go", nil, 404},
	} {
		require.Equal(t, test.want, get(p, test.path, test.headers...).Code, "%s %v", test.path, test.headers)
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
	require.Equal(t, 404, w.Code)
}

// Every page finds its files from wherever it is, whatever a proxy has cut off in front of the path.
func TestBaseIsRelative(t *testing.T) {
	p := pages(t)
	for path, want := range map[string]string{
		"/": "./", "/portal": "./", "/portal/": "../", "/tenants": "./", "/tenants/acme": "../", "/tenants/a%2Fb": "../", "/a/b/c/d": "../../../",
	} {
		w := get(p, path, "Accept", "text/html")
		require.Contains(t, w.Body.String(), `<base href="`+want+`">`, path)
	}
	w := get(p, `/x"><script>alert(1)</script>`+"/y", "Accept", "text/html")
	require.NotContains(t, w.Body.String(), "alert(1)")
}

var linked = regexp.MustCompile(`(?:src|href)="\./([^"]+)"`)

func TestFiles(t *testing.T) {
	p := pages(t)
	for _, page := range []string{"/", "/portal"} {
		w := get(p, page)
		require.Equal(t, "no-cache", w.Header().Get("Cache-Control"))
		found := linked.FindAllStringSubmatch(w.Body.String(), -1)
		require.NotEmpty(t, found)
		for _, m := range found {
			f := get(p, "/"+m[1])
			require.Equal(t, 200, f.Code, m[1])
			require.NotEmpty(t, f.Header().Get("ETag"))
			if strings.HasPrefix(m[1], "assets/") {
				require.Equal(t, "public, max-age=31536000, immutable", f.Header().Get("Cache-Control"))
			}
			require.Equal(t, http.StatusNotModified, get(p, "/"+m[1], "If-None-Match", f.Header().Get("ETag")).Code)
			plain := f.Body.Bytes()
			z := get(p, "/"+m[1], "Accept-Encoding", "br, gzip;q=0.8")
			if z.Header().Get("Content-Encoding") == "gzip" {
				r, err := gzip.NewReader(z.Body)
				require.NoError(t, err)
				text, err := io.ReadAll(r)
				require.NoError(t, err)
				require.True(t, bytes.Equal(plain, text), m[1])
			}
			require.Empty(t, get(p, "/"+m[1], "Accept-Encoding", "gzip;q=0").Header().Get("Content-Encoding"))
		}
	}
}

// Nothing inline runs but scripts whose hashes are in the policy, nothing comes from elsewhere, and no page is framed but the portal.
func TestPolicy(t *testing.T) {
	p, err := New(&Options{PortalFrames: []string{"https://app.example.com"}})
	require.NoError(t, err)
	for path, inline := range map[string]int{"/": 2, "/portal": 1, "/tenants/acme": 2} { // the theme; what is asked early
		w := get(p, path, "Accept", "text/html")
		csp := w.Header().Get("Content-Security-Policy")
		require.NotContains(t, csp, "unsafe")
		require.Contains(t, csp, "default-src 'none'")
		require.NotRegexp(t, `https?://`, strings.ReplaceAll(csp, "https://app.example.com", ""))
		body := w.Body.Bytes()
		scripts := inlineScripts(body)
		require.Len(t, scripts, inline, path)
		for _, s := range scripts {
			sum := sha256.Sum256(s)
			require.Contains(t, csp, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
		}
		require.NotContains(t, string(body), "style=")
		require.NotContains(t, string(body), "//", "an address of another origin")
	}
	require.Contains(t, get(p, "/").Header().Get("Content-Security-Policy"), "frame-ancestors 'none'")
	require.Equal(t, "DENY", get(p, "/").Header().Get("X-Frame-Options"))
	require.Contains(t, get(p, "/portal").Header().Get("Content-Security-Policy"), "frame-ancestors 'self' https://app.example.com;")

	for _, bad := range []string{"app.example.com", "https://a.example; script-src *", "javascript:1", "https://a.example b"} {
		_, err := New(&Options{PortalFrames: []string{bad}})
		require.Error(t, err, bad)
	}
}

// firstRouteBytesMax is what a browser may have to fetch before it can draw the first page, compressed: 200 KiB.
const firstRouteBytesMax = 200 << 10

func TestFirstRouteIsSmall(t *testing.T) {
	p := pages(t)
	for _, path := range []string{"/", "/portal"} {
		w := get(p, path, "Accept-Encoding", "gzip")
		total := w.Body.Len()
		for _, m := range linked.FindAllStringSubmatch(get(p, path).Body.String(), -1) {
			total += get(p, "/"+m[1], "Accept-Encoding", "gzip").Body.Len()
		}
		t.Logf("%s: %d bytes in gzip", path, total)
		require.Less(t, total, firstRouteBytesMax, path)
	}
}
