package ui

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// Options tune the pages. The zero value is right for most.
type Options struct {
	// PortalFrames are the origins that may show the portal in a frame, such as "https://app.example.com". Default: none but this one.
	PortalFrames []string
}

// Validate reports an origin that could not be put into a policy as it is.
func (o *Options) Validate() error {
	for _, origin := range o.PortalFrames {
		if !strings.HasPrefix(origin, "https://") && !strings.HasPrefix(origin, "http://") || strings.ContainsAny(origin, " \t\r\n;,'\"") {
			return fmt.Errorf("portal frame %q must be an origin like https://app.example.com", origin)
		}
	}
	return nil
}

// Pages answers requests for pages and their files. It is immutable, and safe for concurrent use.
type Pages struct {
	files             map[string]*file // by path below the root, such as "assets/index-4f2a.js"
	dashboard, portal *page
}

// New makes the pages. It panics with BUG when the embedded build is not whole: a test has seen that it is.
func New(opts *Options) (*Pages, error) {
	if opts == nil {
		opts = &Options{}
	}
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	p := &Pages{files: map[string]*file{}}
	root, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) == ".html" {
			return err
		}
		content, err := fs.ReadFile(root, name)
		if err == nil {
			p.files[name] = newFile(name, content)
		}
		return err
	})
	if err != nil {
		panic("BUG: " + err.Error())
	}
	p.dashboard = newPage(root, "index.html", "'none'")
	p.portal = newPage(root, "portal.html", strings.Join(append([]string{"'self'"}, opts.PortalFrames...), " "))
	return p, nil
}

var _ http.Handler = (*Pages)(nil)

// ServeHTTP answers r, with 404 when it is for no page.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !p.Serve(w, r) {
		http.NotFound(w, r)
	}
}

// apiRoots are the first segments of paths that never are a page, whoever asks.
var apiRoots = map[string]bool{"v1": true, "compat": true, "metrics": true, "healthz": true, "readyz": true, "assets": true}

// Serve answers r and reports true, or reports false and has written nothing. The dashboard keeps its state in the path, so every
// path is its page when a person opens it in a browser; a program that asks for an unknown path is not given a page.
func (p *Pages) Serve(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if f := p.files[name]; f != nil {
		f.serve(w, r)
		return true
	}
	first, _, _ := strings.Cut(name, "/")
	switch {
	case name == "":
		p.dashboard.serve(w, r)
	case first == "portal" && (name == first || name == "portal/"):
		p.portal.serve(w, r)
	case !apiRoots[first] && navigates(r):
		p.dashboard.serve(w, r)
	default:
		return false
	}
	return true
}

// navigates reports whether a browser asks because a person opens a page.
func navigates(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}
