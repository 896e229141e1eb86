package httpapi

// Reading request bodies: content types, inflating, bounds. Events and decisions, which are many, have parsers of their own;
// every other body is read into a value here.

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/weirhq/weir/usage"
)

// mediaType answers the media type of the body without parameters, "" when none is given.
func (c *call) mediaType() (string, error) {
	header := headerOf(c.r, "Content-Type")
	switch header {
	case "", "application/json", "application/x-ndjson": // what nearly everybody sends
		return header, nil
	}
	media, params, err := mime.ParseMediaType(header)
	if err != nil {
		return "", refuse(usage.CodeUnsupportedMedia, "", "the header Content-Type "+quoted(header)+" cannot be read")
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii") {
		return "", refuse(usage.CodeUnsupportedMedia, "", "the charset must be utf-8, not "+quoted(charset))
	}
	return media, nil
}

// wantJSON refuses a body that says it is something else than JSON.
func (c *call) wantJSON() error {
	media, err := c.mediaType()
	if err != nil {
		return err
	}
	if media != "" && media != "application/json" {
		return refuse(usage.CodeUnsupportedMedia, "", "send Content-Type: application/json, not "+quoted(media))
	}
	return nil
}

// configBody reads a JSON body strictly into v.
func (c *call) configBody(v any) error {
	if err := c.wantJSON(); err != nil {
		return err
	}
	buf := getBuffer()
	defer putBuffer(buf)
	text, err := c.readBody(buf.b, configBodyBytesMax)
	buf.b = text
	if err != nil {
		return err
	}
	return unmarshal(text, v)
}

// readConfig is configBody, and answers what is wrong: false.
func (c *call) readConfig(v any) bool {
	if err := c.configBody(v); err != nil {
		c.writeError(err)
		return false
	}
	return true
}

// body answers a reader of the inflated body, and what gives its inflater back. rawMax
// bounds the bytes as sent; 0 is no bound.
func (c *call) body(rawMax int64) (io.Reader, func(), error) {
	var raw io.Reader = c.r.Body
	if rawMax > 0 && (c.r.ContentLength < 0 || c.r.ContentLength > rawMax) { // else net/http reads no more than it was promised
		raw = http.MaxBytesReader(c.w, c.r.Body, rawMax)
	}
	encodings := c.r.Header["Content-Encoding"]
	encoding := ""
	if len(encodings) == 1 {
		encoding = strings.ToLower(strings.TrimSpace(encodings[0]))
	}
	switch {
	case len(encodings) == 0, encoding == "identity":
		return raw, func() {}, nil
	case encoding == "gzip" || encoding == "x-gzip":
		return inflateGzip(raw)
	case encoding == "zstd":
		return inflateZstd(raw)
	}
	c.w.Header().Set("Accept-Encoding", "gzip, zstd")
	return nil, nil, refuse(usage.CodeUnsupportedMedia, "",
		"Content-Encoding "+quoted(strings.Join(encodings, ", "))+" is not known; send gzip, zstd or none")
}

var gzipPool sync.Pool // of *gzip.Reader

func inflateGzip(raw io.Reader) (io.Reader, func(), error) {
	z, ok := gzipPool.Get().(*gzip.Reader)
	var err error
	if ok {
		err = z.Reset(raw)
	} else {
		z, err = gzip.NewReader(raw)
	}
	if err != nil {
		return nil, nil, bodyError(err)
	}
	return z, func() { gzipPool.Put(z) }, nil
}

var zstdPool sync.Pool // of *zstd.Decoder

func inflateZstd(raw io.Reader) (io.Reader, func(), error) {
	z, ok := zstdPool.Get().(*zstd.Decoder)
	var err error
	if ok {
		err = z.Reset(raw)
	} else {
		// One goroutine-free decoder per body; its memory is the window plus one block.
		z, err = zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(inflateWindowBytesMax))
	}
	if err != nil {
		return nil, nil, bodyError(err)
	}
	return z, func() {
		if z.Reset(nil) == nil {
			zstdPool.Put(z)
		}
	}, nil
}

// bodyError says why a body could not be read, in the words of the API.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return refuse(usage.CodeTooLarge, "", fmt.Sprintf("the body is longer than %d bytes", tooLarge.Limit))
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return refuse(usage.CodeTooLarge, "", "the zstd frame needs a window of more than 8 MiB; compress with a smaller one")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return refuse(usage.CodeMalformedJSON, "", "the body ended early; send it again, whole")
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum),
		errors.Is(err, zstd.ErrMagicMismatch), errors.Is(err, zstd.ErrCRCMismatch):
		return refuse(usage.CodeMalformedJSON, "", "the compressed body is corrupt: "+err.Error())
	}
	// Whatever else a reader says (a deadline, a reset, a corrupt deflate block) is about
	// bytes that did not arrive as they should; nothing was done with them.
	return refuse(usage.CodeMalformedJSON, "", "the body cannot be read to its end; send it again")
}

// readBody appends the whole inflated body to buf. More than bytesMax is too_large; no more
// than that and one read is ever held.
func (c *call) readBody(buf []byte, bytesMax int) ([]byte, error) {
	// A body that is not worth inflating may be a little longer than what it holds.
	in, release, err := c.body(int64(bytesMax) + 4096)
	if err != nil {
		return buf, err
	}
	defer release()
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		room := buf[len(buf):cap(buf)]
		n, err := in.Read(room)
		buf = buf[:len(buf)+n]
		if len(buf) > bytesMax {
			return buf, refuse(usage.CodeTooLarge, "", fmt.Sprintf(
				"the body is longer than %d bytes after inflation; send less at once, or application/x-ndjson", bytesMax))
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, bodyError(err)
		}
	}
}
