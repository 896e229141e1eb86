package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// mediaTypes are the types of what a build writes; the tables of the machine are not asked.
var mediaTypes = map[string]string{
	".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".woff2": "font/woff2", ".json": "application/json",
}

// file is one embedded file. Text is compressed when it is first asked for.
type file struct {
	media   string
	cache   string
	etag    string
	content []byte

	once   sync.Once
	zipped []byte // nil when compression is not worth it
}

func newFile(name string, content []byte) *file {
	f := &file{media: mediaTypes[path.Ext(name)], cache: "no-cache", content: content}
	if f.media == "" {
		f.media = "application/octet-stream"
	}
	if strings.HasPrefix(name, "assets/") { // the name has the hash of the content
		f.cache = "public, max-age=31536000, immutable"
	}
	sum := sha256.Sum256(content)
	f.etag = `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	return f
}

// compressed answers the content in gzip, or nil.
func (f *file) compressed() []byte {
	f.once.Do(func() {
		if !strings.Contains(f.media, "charset") && !strings.HasSuffix(f.media, "+xml") {
			return
		}
		f.zipped = zip(f.content)
	})
	return f.zipped
}

// zip compresses content, or answers nil when that saves nothing.
func zip(content []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		if _, err = z.Write(content); err == nil {
			err = z.Close()
		}
	}
	if err != nil || b.Len() >= len(content) {
		return nil
	}
	return b.Bytes()
}

// serve answers the file.
func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", f.cache)
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'") // an SVG may be opened by itself
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	answer(w, r, f.media, f.etag, f.content, f.compressed)
}

// answer writes a body, in gzip for who takes it, or 304 for who has it.
func answer(w http.ResponseWriter, r *http.Request, media, etag string, content []byte, compressed func() []byte) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept-Encoding")
	h.Set("ETag", etag)
	if strings.Contains(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", media)
	if takesGzip(r.Header.Get("Accept-Encoding")) {
		if z := compressed(); z != nil {
			h.Set("Content-Encoding", "gzip")
			content = z
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(content)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(content) // an error means that the client has gone
	}
}

// takesGzip reports whether an Accept-Encoding names gzip and does not refuse it.
func takesGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			q := strings.ReplaceAll(params, " ", "")
			return q != "q=0" && !strings.HasPrefix(q, "q=0.000")
		}
	}
	return false
}
