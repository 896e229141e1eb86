package httpapi

// The reference at /docs: the OpenAPI document as one page, made here. It has no script and asks nobody for anything, so its
// policy forbids all but its own style.

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"maps"
	"slices"
	"strings"
)

//go:embed openapi/reference.html
var referenceHTML string

//go:embed openapi/reference.css
var referenceCSS string

var referenceTemplate = template.Must(template.New("reference").Parse(referenceHTML))

// referencePolicy is the Content-Security-Policy of the page: the one style that is in it, by its hash.
var referencePolicy = func() string {
	sum := sha256.Sum256([]byte(referenceCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// What the template shows.
type (
	refPage struct {
		Style   template.CSS
		Version string
		Groups  []refGroup
		Schemas []refSchema
	}
	refGroup struct {
		Name, Description string
		Operations        []refOperation
	}
	refOperation struct {
		ID, Method, Path, Summary, Description, Scope string
		Parameters                                    []refField
		Body                                          []refContent
		Answers                                       []refAnswer
	}
	refContent struct {
		Media  string
		Type   []refWord
		Fields []refField
	}
	refAnswer struct {
		Status, Description string
		Content             []refContent
	}
	refField struct {
		Name, Place, Description string
		Required                 bool
		Type                     []refWord
	}
	refSchema struct {
		Name, Description string
		Type              []refWord
		Fields            []refField
	}
	// refWord is a part of a type: a text, or the name of a schema to link to.
	refWord struct{ Text, Schema string }
)

// referencePage renders the document.
func referencePage(doc object) ([]byte, error) {
	r := referenceOf{doc}
	page := refPage{Style: template.CSS(referenceCSS), Version: text(child(doc, "info"), "version")}
	for _, tag := range openapiTags {
		g := refGroup{Name: tag.name, Description: tag.description, Operations: r.operations(tag.name)}
		if len(g.Operations) > 0 {
			page.Groups = append(page.Groups, g)
		}
	}
	schemas := child(doc, "components", "schemas")
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		s := child(schemas, name)
		page.Schemas = append(page.Schemas, refSchema{name, text(s, "description"), r.typeOf(s), r.fields(s)})
	}
	var out bytes.Buffer
	if err := referenceTemplate.Execute(&out, page); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// referenceOf reads a document.
type referenceOf struct{ doc object }

// child walks down a chain of objects; nil when there is none.
func child(o object, names ...string) object {
	for _, name := range names {
		o, _ = o[name].(object)
	}
	return o
}

func text(o object, name string) string { s, _ := o[name].(string); return s }

func list(o object, name string) []any { l, _ := o[name].([]any); return l }

// resolve follows a reference to another part of the document.
func (r referenceOf) resolve(o object) object {
	if ref, ok := strings.CutPrefix(text(o, "$ref"), "#/"); ok {
		return child(r.doc, strings.Split(ref, "/")...)
	}
	return o
}

// operations are those of a tag, by path, reading before writing.
func (r referenceOf) operations(tag string) []refOperation {
	var out []refOperation
	paths := child(r.doc, "paths")
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for _, method := range []string{"get", "put", "post", "delete"} {
			o := child(paths, path, method)
			if tags := list(o, "tags"); len(tags) == 0 || tags[0] != tag {
				continue
			}
			out = append(out, r.operation(strings.ToUpper(method), path, o))
		}
	}
	return out
}

func (r referenceOf) operation(method, path string, o object) refOperation {
	op := refOperation{ID: text(o, "operationId"), Method: method, Path: path, Summary: text(o, "summary"), Description: text(o, "description")}
	for _, need := range list(o, "security") {
		if scopes := list(need.(object), "key"); len(scopes) > 0 {
			scope, _ := scopes[0].(string)
			op.Scope = strings.TrimPrefix(op.Scope+" or "+scope, " or ")
		}
	}
	for _, p := range list(o, "parameters") {
		p := r.resolve(p.(object))
		required, _ := p["required"].(bool)
		op.Parameters = append(op.Parameters, refField{text(p, "name"), text(p, "in"), text(p, "description"), required, r.typeOf(child(p, "schema"))})
	}
	op.Body = r.content(child(o, "requestBody"))
	responses := child(o, "responses")
	for _, status := range slices.Sorted(maps.Keys(responses)) {
		a := r.resolve(child(responses, status))
		op.Answers = append(op.Answers, refAnswer{status, text(a, "description"), r.content(a)})
	}
	return op
}

func (r referenceOf) content(o object) []refContent {
	var out []refContent
	media := child(o, "content")
	for _, name := range slices.Sorted(maps.Keys(media)) {
		s := child(media, name, "schema")
		c := refContent{Media: name, Type: r.typeOf(s)}
		if text(s, "$ref") == "" {
			c.Fields = r.fields(s)
		}
		out = append(out, c)
	}
	return out
}

// fields are the members of an object, those of its parts too.
func (r referenceOf) fields(s object) []refField {
	var out []refField
	for _, part := range list(s, "allOf") {
		out = append(out, r.fields(r.resolve(part.(object)))...)
	}
	required := list(s, "required")
	properties := child(s, "properties")
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		p := child(properties, name)
		description := text(p, "description")
		if description == "" {
			description = text(r.resolve(p), "description")
		}
		out = append(out, refField{name, "", description, slices.Contains(required, any(name)), r.typeOf(p)})
	}
	return out
}

// typeOf says what a value is, in a few words.
func (r referenceOf) typeOf(s object) []refWord {
	if ref := text(s, "$ref"); ref != "" {
		name := ref[strings.LastIndexByte(ref, '/')+1:]
		return []refWord{{name, name}}
	}
	for _, union := range []struct{ key, word string }{{"oneOf", " or "}, {"anyOf", " or "}} {
		if parts := list(s, union.key); len(parts) > 0 {
			return r.joined(parts, union.word)
		}
	}
	if values := list(s, "enum"); len(values) > 0 {
		return []refWord{{Text: jsonWords(values, " | ")}}
	}
	if value, ok := s["const"]; ok {
		return []refWord{{Text: jsonWords([]any{value}, "")}}
	}
	if s["type"] == "array" {
		return append([]refWord{{Text: "list of "}}, r.typeOf(child(s, "items"))...)
	}
	name := text(s, "type")
	if types := list(s, "type"); len(types) > 0 {
		name = strings.Trim(strings.ReplaceAll(jsonWords(types, " or "), `"`, ""), " ")
	}
	if format := text(s, "format"); format != "" {
		name += " (" + format + ")"
	}
	if parts := list(s, "allOf"); name == "" && len(parts) > 0 {
		return r.typeOf(parts[0].(object))
	}
	if name == "" {
		name = "any"
	}
	return []refWord{{Text: name}}
}

func (r referenceOf) joined(parts []any, word string) []refWord {
	var out []refWord
	for i, part := range parts {
		if i > 0 {
			out = append(out, refWord{Text: word})
		}
		out = append(out, r.typeOf(part.(object))...)
	}
	return out
}

func jsonWords(values []any, separator string) string {
	words := make([]string, len(values))
	for i, v := range values {
		b, _ := json.Marshal(v) // what came from JSON goes back
		words[i] = string(b)
	}
	return strings.Join(words, separator)
}
