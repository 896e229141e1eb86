package httpapi

// The OpenAPI 3.1 document. Its words are in openapi/*.json, in OpenAPI's own dialect; what the code knows better is added
// here: which key an endpoint needs, the variables of its path, the problem that any of them may answer, and the list of codes.
// A test holds every answer of every handler against it.

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
)

//go:embed openapi/*.json
var openapiFiles embed.FS

// object is a JSON object of the document.
type object = map[string]any

// openapiTags are the groups of the endpoints, in the order of the page.
var openapiTags = []struct{ name, description string }{
	{"events", "What has happened."},
	{"decisions", "What may happen: asked first, counted when allowed."},
	{"usage", "What was counted."},
	{"configuration", "Meters, plans, tenants, settings. Every change is in the audit log."},
	{"keys", "Who is let in, and what they may do."},
	{"operation", "The server itself."},
	{"compat", "The ingestion of other products, so that their clients need only another address."},
}

// document is the OpenAPI document of one API, made when it is first asked for.
type document struct {
	once sync.Once
	text []byte
	tag  string
	page []byte // the reference, as HTML
	err  error
}

func (a *API) openapi() *document {
	d := &a.document
	d.once.Do(func() {
		var doc object
		if doc, d.err = buildOpenAPI(a.routes, a.version); d.err != nil {
			return
		}
		if d.text, d.err = json.Marshal(doc); d.err != nil {
			return
		}
		sum := sha256.Sum256(d.text)
		d.tag = `"` + hex.EncodeToString(sum[:12]) + `"`
		d.page, d.err = referencePage(doc)
	})
	return d
}

// OpenAPI answers the document that a server of this version serves at /openapi.json, for generators of clients.
func OpenAPI(version string) ([]byte, error) {
	doc, err := buildOpenAPI(table(endpoints), version)
	if err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

// buildOpenAPI puts the document of the routes together.
func buildOpenAPI(routes []*route, version string) (object, error) {
	paths, components, err := readOpenAPI(openapiFiles)
	if err != nil {
		return nil, err
	}
	for _, r := range routes {
		item, _ := paths[r.pattern].(object) // a test says when it is missing
		for method, e := range r.methods {   // order-free: one operation each
			if operation, ok := item[strings.ToLower(method)].(object); ok {
				completeOperation(operation, *e)
				if strings.HasPrefix(r.pattern, "/v1/") {
					addNumbers(operation)
				}
			}
		}
	}
	if schemas, ok := components["schemas"].(object); ok {
		schemas["ErrorCode"] = object{"enum": errorCodes(), "description": "The stable name of a failure."}
	}
	tags := make([]any, len(openapiTags))
	for i, t := range openapiTags {
		tags[i] = object{"name": t.name, "description": t.description}
	}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "weir", "version": version,
			"summary":     "Measures what passes and decides how much may pass.",
			"description": "JSON in and out. Times are RFC 3339, in answers UTC. Quantities are exact decimals. Retry with the same id as often as needed: it counts once.",
			"license":     object{"name": "MIT", "identifier": "MIT"},
		},
		"servers": []any{object{"url": "/"}}, "tags": tags, "paths": paths, "components": components,
	}, nil
}

// addNumbers says that an operation takes the parameter that all of the API take.
func addNumbers(operation object) {
	ref := object{"$ref": "#/components/parameters/numbers"}
	parameters, _ := operation["parameters"].([]any)
	operation["parameters"] = append(parameters, ref)
}

// readOpenAPI merges the files. A path or component that two of them have is an error.
func readOpenAPI(files fs.FS) (paths, components object, err error) {
	names, err := fs.Glob(files, "openapi/*.json")
	if err != nil {
		return nil, nil, err
	}
	paths, components = object{}, object{}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, nil, err
		}
		var part struct {
			Paths      object
			Components map[string]object
		}
		if err := json.Unmarshal(text, &part); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := merge(paths, part.Paths); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		for kind, all := range part.Components { // order-free: a union
			into, _ := components[kind].(object)
			if into == nil {
				into = object{}
				components[kind] = into
			}
			if err := merge(into, all); err != nil {
				return nil, nil, fmt.Errorf("%s: %s: %w", name, kind, err)
			}
		}
	}
	return paths, components, nil
}

func merge(into, from object) error {
	for name, value := range from { // order-free: a union
		if _, taken := into[name]; taken {
			return fmt.Errorf("%s is in two files", name)
		}
		into[name] = value
	}
	return nil
}

// completeOperation adds to an operation what its endpoint says.
func completeOperation(operation object, e endpoint) {
	var parameters []any
	for segment := range strings.SplitSeq(e.pattern, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			parameters = append(parameters, object{"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true,
				"description": "Percent-encoded once.", "schema": object{"type": "string"}})
		}
	}
	if given, ok := operation["parameters"].([]any); ok {
		parameters = append(parameters, given...)
	}
	if len(parameters) > 0 {
		operation["parameters"] = parameters
	}
	operation["security"] = []any{}
	if e.needs != scopePublic {
		var ways []any // one of them is enough
		for s := range strings.SplitSeq(string(e.needs), "|") {
			ways = append(ways, object{"key": []any{s}})
		}
		operation["security"] = ways
	}
	if responses, ok := operation["responses"].(object); ok {
		if _, given := responses["default"]; !given {
			responses["default"] = object{"$ref": "#/components/responses/Problem"}
		}
	}
}

// errorCodes are all codes of problems, sorted.
func errorCodes() []any {
	names := []string{string(codeInternal)}
	for code := range maps.Keys(statusOf) { // order-free: sorted below
		names = append(names, string(code))
	}
	slices.Sort(names)
	out := make([]any, len(names))
	for i, name := range names {
		out[i] = name
	}
	return out
}

func (c *call) getOpenAPI() {
	d := c.api.openapi()
	if d.err != nil {
		c.writeError(d.err)
		return
	}
	c.writeTagged(200, d.tag, d.text)
}

// getDocs answers the reference.
func (c *call) getDocs() {
	d := c.api.openapi()
	if d.err != nil {
		c.writeError(d.err)
		return
	}
	h := c.w.Header()
	h.Set("Content-Security-Policy", referencePolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache")
	c.write(200, "text/html; charset=utf-8", d.page)
}
