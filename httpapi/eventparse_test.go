package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// TestEventErrors holds the code and the pointer of everything that can be wrong with the text
// of an event, for the three forms of a body.
func TestEventErrors(t *testing.T) {
	const good = `"tenant_id":"acme","feature_type":"api_calls"`
	tests := []struct {
		members string // of the event
		code    usage.ErrorCode
		pointer string
	}{
		{`"id":"1","tenant":"x"`, usage.CodeUnknownField, "/tenant"},
		{`"id":"1","a/b~":1`, usage.CodeUnknownField, "/a~1b~0"},
		{`"id":"1","id":"2"`, usage.CodeDuplicateKey, "/id"},
		{`"id":"1","\u0069d":"2"`, usage.CodeDuplicateKey, "/id"},
		{`"id":1`, usage.CodeWrongType, "/id"},
		{`"id":null`, usage.CodeWrongType, "/id"},
		{`"id":""`, usage.CodeMissingField, "/id"},
		{`"id":"1","tenant_id":{}`, usage.CodeWrongType, "/tenant_id"},
		{`"id":"1","user_id":""`, usage.CodeInvalidValue, "/user_id"},
		{`"id":"1","user_id":7`, usage.CodeWrongType, "/user_id"},
		{`"id":"1","op":""`, usage.CodeInvalidValue, "/op"},
		{`"id":"1","quantity":null`, usage.CodeWrongType, "/quantity"},
		{`"id":"1","quantity":true`, usage.CodeWrongType, "/quantity"},
		{`"id":"1","quantity":"NaN"`, usage.CodeInvalidValue, "/quantity"},
		{`"id":"1","quantity":""`, usage.CodeInvalidValue, "/quantity"},
		{`"id":"1","quantity":"0x10"`, usage.CodeInvalidValue, "/quantity"},
		{`"id":"1","quantity":1e400`, usage.CodeOverflow, "/quantity"},
		{`"id":"1","quantity":1e999999999999`, usage.CodeOverflow, "/quantity"},
		{`"id":"1","quantity":9223372036854775808`, usage.CodeOverflow, "/quantity"},
		{`"id":"1","quantity":0.0000000000000000001`, usage.CodeTooManyDecimals, "/quantity"},
		{`"id":"1","timestamp":5`, usage.CodeWrongType, "/timestamp"},
		{`"id":"1","timestamp":null`, usage.CodeWrongType, "/timestamp"},
		{`"id":"1","timestamp":"yesterday"`, usage.CodeInvalidValue, "/timestamp"},
		{`"id":"1","timestamp":"2026-01-31"`, usage.CodeInvalidValue, "/timestamp"},
		{`"id":"1","timestamp":"2026-01-31T00:00:00"`, usage.CodeInvalidValue, "/timestamp"},
		{`"id":"1","timestamp":"2026-02-30T00:00:00Z"`, usage.CodeInvalidValue, "/timestamp"},
		{`"id":"1","timestamp":"0001-01-01T00:00:00Z"`, usage.CodeEventTooOld, "/timestamp"},
		{`"id":"1","timestamp":"2026-01-31T00:00:00.1234567891Z"`, usage.CodeInvalidValue, "/timestamp"},
		{`"id":"1","metadata":[]`, usage.CodeWrongType, "/metadata"},
		{`"id":"1","metadata":null`, usage.CodeWrongType, "/metadata"},
		{`"id":"1","metadata":{"a":{"b":1,"b":2}}`, usage.CodeDuplicateKey, "/metadata/a/b"},
	}
	for _, test := range tests {
		body := "{" + test.members + "}"
		var b batch
		single, err := b.parseBody([]byte(body))
		require.True(t, single, body)
		require.Error(t, err, body)
		e := err.(*usage.Error)
		require.Equal(t, test.code, e.Code, "%s: %v", body, err)
		require.Equal(t, test.pointer, e.Pointer, body)
		require.NotEmpty(t, e.Detail, body)

		for prefix, form := range map[string]string{"": "[%s]", "/events": ` {"events" : [%s]} `} {
			// The neighbours of an event that is wrong are read all the same.
			text := fmt.Sprintf(form, `{"id":"a",`+good+`}, `+body+` ,{"id":"c",`+good+`}`)
			var b batch
			single, err := b.parseBody([]byte(text))
			require.NoError(t, err, text)
			require.False(t, single)
			require.Equal(t, []int64{0, 2}, b.indexes, text)
			require.Equal(t, "c", b.events[1].ID)
			require.EqualValues(t, 1, b.refused.total)
			require.Equal(t, test.code, b.refused.list[0].err.Code, text)
			require.Equal(t, prefix+"/1"+test.pointer, b.refused.list[0].err.Pointer, text)
		}

		var line batch
		line.next = 41
		line.parseLine([]byte(body))
		require.EqualValues(t, 1, line.refused.total)
		require.Equal(t, test.code, line.refused.list[0].err.Code, body)
		require.Equal(t, "/41"+test.pointer, line.refused.list[0].err.Pointer, body)
	}
}

// TestBodyErrors holds what refuses a whole body.
func TestBodyErrors(t *testing.T) {
	tests := []struct {
		body    string
		code    usage.ErrorCode
		pointer string
	}{
		{``, usage.CodeMalformedJSON, ""},
		{`  `, usage.CodeMalformedJSON, ""},
		{`nope`, usage.CodeMalformedJSON, ""},
		{`{"id":"1"`, usage.CodeMalformedJSON, ""},
		{`{"id":NaN}`, usage.CodeMalformedJSON, "/id"},
		{`{"id":"1","quantity":NaN}`, usage.CodeMalformedJSON, "/quantity"},
		{`{"id":"1","quantity":01}`, usage.CodeMalformedJSON, "/quantity"},
		{`{"wrong":1,"quantity":+}`, usage.CodeMalformedJSON, "/quantity"},
		{`{"id":"1"} {}`, usage.CodeMalformedJSON, ""},
		{`[{"id":"1"},{"id":]`, usage.CodeMalformedJSON, "/1/id"},
		{`[{"id":"1"},]`, usage.CodeMalformedJSON, ""},
		{`[{"id":"1"}]]`, usage.CodeMalformedJSON, ""},
		{"[{\"id\":\"\xff\"}]", usage.CodeInvalidUTF8, "/0/id"},
		{`[{"id":"\ud800"}]`, usage.CodeInvalidUTF8, "/0/id"},
		{`5`, usage.CodeWrongType, ""},
		{`null`, usage.CodeWrongType, ""},
		{`{"events":{}}`, usage.CodeWrongType, "/events"},
		{`{"events":[],"dry":true}`, usage.CodeUnknownField, "/dry"},
		{`{"id":"1","events":[]}`, usage.CodeUnknownField, "/events"},
		{`[` + strings.Repeat(`{},`, batchEventsMax) + `{}]`, usage.CodeTooLarge, ""},
		{`{"events":[` + strings.Repeat(`{},`, batchEventsMax) + `{}]}`, usage.CodeTooLarge, "/events"},
	}
	for _, test := range tests {
		var b batch
		_, err := b.parseBody([]byte(test.body))
		shown := shorten(test.body)
		require.Error(t, err, shown)
		require.Equal(t, test.code, err.(*usage.Error).Code, "%s: %v", shown, err)
		require.Equal(t, test.pointer, err.(*usage.Error).Pointer, shown)
	}
}

func TestEventFields(t *testing.T) {
	const text = ` { "id":"e\u0031", "tenant_id":"acme","user_id":"ålice","feature_type":"api_calls",
		"quantity":"1.50","timestamp":"2026-01-31T01:00:00.5+01:00","source":"","metadata": {"a": [1, 2]} ,"op":"add"} `
	var b batch
	single, err := b.parseBody([]byte(text))
	require.NoError(t, err)
	require.True(t, single)
	ev := b.events[0]
	require.Equal(t, "e1", ev.ID)
	require.Equal(t, "ålice", ev.UserID)
	require.Equal(t, usage.FromUnits(15, 1), ev.Quantity)
	require.Equal(t, "2026-01-31T00:00:00.5Z", ev.Timestamp.Format("2006-01-02T15:04:05.999999999Z07:00"))
	require.Equal(t, `{"a": [1, 2]}`, string(ev.Metadata))
	require.Equal(t, "add", ev.Op)
	require.Empty(t, ev.Source)

	// Absent stays absent: it is not the same payload as any value.
	b = batch{}
	_, err = b.parseBody([]byte(`{"tenant_id":"acme"}`))
	require.NoError(t, err)
	require.Equal(t, usage.Event{TenantID: "acme"}, b.events[0])
}

// TestRejectedOrder checks that refusals of the parser and of the engine come in the order of
// the events, with the id also when it stands behind what is wrong.
func TestRejectedOrder(t *testing.T) {
	var b batch
	_, err := b.parseBody([]byte(`[{"x":1,"id":"0"},{"id":"1"},{"x":1},{"id":"3"},{"id":"4"},{"id":5}]`))
	require.NoError(t, err)
	no := refuse(usage.CodeUnknownFeature, "/feature_type", "no")
	var sum tally
	sum.add(&b, []usage.Outcome{
		{ID: "1", Status: usage.StatusRejected, Err: no}, {ID: "3", Status: usage.StatusDuplicate}, {ID: "4", Status: usage.StatusConflict, Err: usage.ErrConflict}})
	require.EqualValues(t, 6, sum.total)
	require.EqualValues(t, 1, sum.duplicates)
	var got []string
	for _, r := range sum.refused.list {
		got = append(got, fmt.Sprintf("%d %s %s %s", r.index, r.id, r.err.Code, r.err.Pointer))
	}
	require.Equal(t, []string{"0 0 unknown_field /0/x", "1 1 unknown_feature /1/feature_type", "2  unknown_field /2/x",
		"4 4 conflict /4", "5  wrong_type /5/id"}, got)
}

// TestRejectedBound checks that only the first thousand refusals are listed, and all counted.
func TestRejectedBound(t *testing.T) {
	var b batch
	_, err := b.parseBody([]byte(`[` + strings.Repeat(`5,`, 2999) + `{"id":"last"}]`))
	require.NoError(t, err)
	var sum tally
	sum.add(&b, []usage.Outcome{{Status: usage.StatusRejected, Err: refuse(usage.CodeOverflow, "", "")}})
	require.Len(t, sum.refused.list, rejectedListMax)
	require.EqualValues(t, 3000, sum.refused.total)
}

// sample makes n events as a client would send them.
func sample(n int, id string) []byte {
	var body bytes.Buffer
	body.WriteString(`{"events":[`)
	for i := range n {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"id":"0192f3a4-7b1c-7def-8a01-%s%04x%04x","tenant_id":"tenant-%d","user_id":"user-%d","feature_type":"api_calls",`+
			`"quantity":%d,"metadata":{"endpoint":"/v1/items","method":"GET","response_size":%d,"duration_ms":%d}}`,
			id, i>>16, i&0xffff, i%1000, i%100, i%10, i*7%16384, i%256)
	}
	body.WriteString("]}")
	return body.Bytes()
}

func TestParseAllocates(t *testing.T) {
	body := sample(1000, "0000")
	b := getBatch()
	defer putBatch(b)
	allocs := testing.AllocsPerRun(50, func() {
		b.events, b.indexes, b.next = b.events[:0], b.indexes[:0], 0
		if _, err := b.parseBody(body); err != nil {
			t.Fatal(err)
		}
	})
	require.Len(t, b.events, 1000)
	require.Zero(t, allocs, "a batch that is good and pooled costs no allocation")
}

func BenchmarkParseBatch(b *testing.B) {
	body := sample(1000, "0000")
	batch := getBatch()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		batch.events, batch.indexes, batch.next = batch.events[:0], batch.indexes[:0], 0
		if _, err := batch.parseBody(body); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/event")
}

// FuzzEventsBody: no body makes the parser panic; what is accepted is JSON by another parser's
// word; and an event that was read, written and read again is the same.
func FuzzEventsBody(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `{"events":[]}`, string(sample(2, "0000")),
		`{"id":"1","tenant_id":"a","quantity":1.5e3,"timestamp":"2026-01-31T00:00:00+01:00","metadata":{"a":"\u00e9\n"},"op":"set"}`,
		`[{"id":1},{"id":"1","id":"2"},{"q":[[[]]]}]`, "[{\"id\":\"\xff\"}]", `{"events":[{"quantity":"0.10"}]}`, `[1,`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b := getBatch()
		defer putBatch(b)
		single, err := b.parseBody(body)
		if err != nil {
			if code := err.(*usage.Error).Code; code == "internal" || code == "" {
				t.Fatalf("no code for %q: %v", body, err)
			}
			return
		}
		if !jsontext.Value(body).IsValid(jsontext.AllowDuplicateNames(true)) {
			t.Fatalf("accepted what is not JSON: %q", body)
		}
		if single != (len(b.indexes) == 0 && b.refused.total == 0 && len(b.events) == 1) {
			t.Fatalf("single %v with %d events of %q", single, len(b.events), body)
		}
		for i := range b.events {
			text, err := json.Marshal(&b.events[i])
			if err != nil {
				t.Fatal(err)
			}
			// Marshal writes required members that were absent as empty ones.
			if b.events[i].TenantID == "" || b.events[i].FeatureType == "" {
				continue
			}
			var again batch
			if _, err := again.parseBody(text); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			got, want := again.events[0], b.events[i]
			if !jsonEqual(jsontext.Value(got.Metadata), jsontext.Value(want.Metadata)) {
				t.Fatalf("metadata %s became %s", want.Metadata, got.Metadata)
			}
			got.Metadata, want.Metadata = nil, nil
			if fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
				t.Fatalf("%#v became %#v", want, got)
			}
		}
	})
}

func jsonEqual(a, b jsontext.Value) bool {
	a, b = bytes.Clone(a), bytes.Clone(b)
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	return a.Canonicalize() == nil && b.Canonicalize() == nil && bytes.Equal(a, b)
}
