package ui

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"net/http"
	"strings"
)

// page is an HTML page with its policy. It differs by how deep its path is, so it is written for each request.
type page struct {
	head, tail []byte // around the root's address
	policy     string
	framed     bool
}

// rootMark stands in the build where the address of the root goes.
const rootMark = `<base href="/">`

func newPage(root fs.FS, name, frames string) *page {
	content, err := fs.ReadFile(root, name)
	if err != nil {
		panic("BUG: the build has no " + name + ": " + err.Error())
	}
	head, tail, ok := bytes.Cut(content, []byte(rootMark))
	if !ok {
		panic("BUG: " + name + " has no " + rootMark)
	}
	return &page{head: head, tail: tail, policy: policy(content, frames), framed: frames != "'none'"}
}

// policy allows what this origin serves and the inline scripts of the page by their hashes: nothing else runs, whatever a name of a
// tenant or a feature has in it. Styles are set by scripts on elements, which a policy does not forbid, and never as text.
func policy(content []byte, frames string) string {
	scripts := "'self'"
	for _, text := range inlineScripts(content) {
		sum := sha256.Sum256(text)
		scripts += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return strings.Join([]string{
		"default-src 'none'", "script-src " + scripts, "style-src 'self'", "img-src 'self'", "font-src 'self'", "connect-src 'self'",
		"base-uri 'self'", "form-action 'none'", "frame-ancestors " + frames, "require-trusted-types-for 'script'",
	}, "; ")
}

// inlineScripts answers the texts between <script> and </script>.
func inlineScripts(content []byte) (texts [][]byte) {
	const begin, end = "<script>", "</script>"
	for {
		_, rest, ok := bytes.Cut(content, []byte(begin))
		if !ok {
			return texts
		}
		text, after, ok := bytes.Cut(rest, []byte(end))
		if !ok {
			return texts
		}
		texts, content = append(texts, text), after
	}
}

// base is the way from a path up to the root, relative, so that the page need not know what a proxy cut off in front of it: for
// "/tenants/acme" it is "../".
func base(escapedPath string) string {
	if n := strings.Count(escapedPath, "/") - 1; n > 0 {
		return strings.Repeat("../", n)
	}
	return "./"
}

func (p *page) serve(w http.ResponseWriter, r *http.Request) {
	var b bytes.Buffer
	b.Write(p.head)
	b.WriteString(`<base href="` + base(r.URL.EscapedPath()) + `">`)
	b.Write(p.tail)
	sum := sha256.Sum256(b.Bytes())
	h := w.Header()
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Cache-Control", "no-cache")
	h.Set("Referrer-Policy", "no-referrer") // the address may name tenants, and the portal's fragment is a key
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if !p.framed {
		h.Set("X-Frame-Options", "DENY")
	}
	answer(w, r, mediaTypes[".html"], `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`, b.Bytes(), func() []byte { return zip(b.Bytes()) })
}
