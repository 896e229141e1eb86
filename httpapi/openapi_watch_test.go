package httpapi

// Every answer of every handler in any test of this package is held against the OpenAPI document, and so is every request that
// was taken: its query parameters and its JSON body. Schemas of objects are closed here: a member that is not documented is a
// violation, though the document itself, which clients use, lets members be added.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// spec is the document that the tests of this package hold answers against.
var spec = newWatcher()

type watcher struct {
	document object
	compiler *jsonschema.Compiler

	mu      sync.Mutex // guards the block below
	schemas map[string]*jsonschema.Schema
	found   []string
	seen    map[string]bool
	checked map[string]bool // operations with an answer of 2xx that was held against the document
}

const specURL = "urn:weir:openapi"

func newWatcher() *watcher {
	doc, err := buildOpenAPI(table(endpoints), "test")
	if err != nil {
		panic(err)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	closed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		panic(err)
	}
	closeObjects(closed)
	w := &watcher{compiler: jsonschema.NewCompiler(), schemas: make(map[string]*jsonschema.Schema), seen: make(map[string]bool),
		checked: make(map[string]bool)}
	if err := json.Unmarshal(text, &w.document); err != nil { // plain values, as the handlers' page has them
		panic(err)
	}
	w.compiler.DefaultDraft(jsonschema.Draft2020)
	w.compiler.AssertFormat()
	if err := w.compiler.AddResource(specURL, closed); err != nil {
		panic(err)
	}
	return w
}

// closeObjects lets no schema with properties take others.
func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v { // order-free: each by itself
			closeObjects(x)
		}
		if _, ok := v["properties"].(map[string]any); ok {
			if _, open := v["additionalProperties"]; !open {
				v["additionalProperties"] = false
			}
		}
	case []any:
		for _, x := range v {
			closeObjects(x)
		}
	}
}

// watch wraps the handlers of a table.
func (w *watcher) watch(all []endpoint) []endpoint {
	out := make([]endpoint, len(all))
	for i, e := range all {
		do := e.do
		e.do = func(c *call) {
			sent := &copied{ReadCloser: c.r.Body}
			if c.r.Body != nil {
				c.r.Body = sent
			}
			rec := &recorder{ResponseWriter: c.w}
			c.w = rec
			do(c)
			if rec.streamed {
				w.stream(e)
			} else if c.r.Method != http.MethodHead {
				w.judge(e, c.r, sent, rec)
			}
		}
		out[i] = e
	}
	return out
}

// stream notes an answer without end; its events are for their own tests to look at.
func (w *watcher) stream(e endpoint) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checked[e.method+" "+e.pattern] = true
}

// judge notes what is wrong with an exchange.
func (w *watcher) judge(e endpoint, r *http.Request, sent *copied, rec *recorder) {
	err := w.checkAnswer(e, rec.status, rec.Header().Get("Content-Type"), rec.body.Bytes())
	if err == nil && rec.status < 300 {
		err = w.checkRequest(e, r, sent)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		if rec.status < 300 {
			w.checked[e.method+" "+e.pattern] = true
		}
		return
	}
	text := fmt.Sprintf("%s %s (%s), status %d: %v", r.Method, r.URL, e.pattern, rec.status, err)
	if key := e.method + e.pattern + err.Error(); !w.seen[key] && len(w.found) < 20 {
		w.seen[key] = true
		w.found = append(w.found, text)
	}
}

func (w *watcher) violations() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.found
}

// unchecked lists the endpoints that no test has had a good answer of.
func (w *watcher) unchecked() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, e := range endpoints {
		if name := e.method + " " + e.pattern; !w.checked[name] {
			out = append(out, name)
		}
	}
	return out
}

// operation is what the document says of an endpoint, with the pointer to it.
func (w *watcher) operation(e endpoint) (object, string) {
	method := strings.ToLower(e.method)
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	return child(w.document, "paths", e.pattern, method), "#/paths/" + escape.Replace(e.pattern) + "/" + method
}

// deref follows a reference, pointer included.
func (w *watcher) deref(o object, pointer string) (object, string) {
	if ref, ok := o["$ref"].(string); ok {
		return child(w.document, strings.Split(ref[2:], "/")...), ref
	}
	return o, pointer
}

// checkAnswer holds an answer against the document.
func (w *watcher) checkAnswer(e endpoint, status int, contentType string, body []byte) error {
	o, pointer := w.operation(e)
	if o == nil {
		return errors.New("the endpoint is not documented")
	}
	key := strconv.Itoa(status)
	if child(o, "responses", key) == nil {
		if status < 400 {
			return fmt.Errorf("no response %s is documented", key)
		}
		key = "default"
	}
	answer, pointer := w.deref(child(o, "responses", key), pointer+"/responses/"+key)
	content := child(answer, "content")
	if content == nil {
		if len(body) > 0 {
			return fmt.Errorf("a body, where the document has none: %s", shorten(string(body)))
		}
		return nil
	}
	media, _, _ := mime.ParseMediaType(contentType)
	if content[media] == nil {
		if status >= 400 && media == "application/problem+json" { // any endpoint may answer a problem
			return w.checkJSON("#/components/schemas/Problem", body)
		}
		return fmt.Errorf("the content type %q is not documented", contentType)
	}
	if !strings.HasSuffix(media, "json") || media == "application/x-ndjson" {
		return nil
	}
	return w.checkJSON(pointer+"/content/"+strings.ReplaceAll(media, "/", "~1")+"/schema", body)
}

// checkRequest holds a request that was taken against the document.
func (w *watcher) checkRequest(e endpoint, r *http.Request, sent *copied) error {
	o, pointer := w.operation(e)
	described := make(map[string]bool)
	for _, p := range list(o, "parameters") {
		p, _ := w.deref(p.(object), "")
		if text(p, "in") == "query" {
			described[text(p, "name")] = true
		}
	}
	for name := range r.URL.Query() { // order-free: any one that is not described
		if base, _, _ := strings.Cut(name, "["); !described[name] && !described[base] {
			return fmt.Errorf("the query parameter %s was taken but is not documented", name)
		}
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media == "" {
		media = "application/json"
	}
	if sent.text.Len() == 0 || r.Header.Get("Content-Encoding") != "" || r.Header.Get("Ce-Specversion") != "" { // or a CloudEvent's data
		return nil
	}
	content := child(o, "requestBody", "content")
	if content[media] == nil {
		return fmt.Errorf("a body of %s was taken but is not documented", media)
	}
	if media != "application/json" {
		return nil
	}
	if err := w.checkJSON(pointer+"/requestBody/content/application~1json/schema", sent.text.Bytes()); err != nil {
		return fmt.Errorf("the request was taken but is not as documented: %w", err)
	}
	return nil
}

// checkJSON holds a text against the schema at a pointer of the document.
func (w *watcher) checkJSON(pointer string, body []byte) error {
	w.mu.Lock()
	schema := w.schemas[pointer]
	if schema == nil {
		var err error
		if schema, err = w.compiler.Compile(specURL + strings.NewReplacer("{", "%7B", "}", "%7D").Replace(pointer)); err != nil {
			w.mu.Unlock()
			return err
		}
		w.schemas[pointer] = schema
	}
	w.mu.Unlock()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	if err := schema.Validate(v); err != nil {
		return fmt.Errorf("%w\nbody: %.2000s", err, body)
	}
	return nil
}

// recorder keeps a copy of an answer on its way.
type recorder struct {
	http.ResponseWriter
	status   int
	body     bytes.Buffer
	streamed bool // it was flushed: an answer without end
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if !r.streamed {
		r.body.Write(b)
	}
	return r.ResponseWriter.Write(b)
}

func (r *recorder) Flush() {
	r.streamed = true
	_ = http.NewResponseController(r.ResponseWriter).Flush() // as the recorders of tests do
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// copied keeps what was read of a body.
type copied struct {
	io.ReadCloser
	text bytes.Buffer
}

func (c *copied) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if c.text.Len() < 1<<20 {
		c.text.Write(p[:n])
	}
	return n, err
}
