package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseLogLine(t *testing.T) {
	const text = `example.org:8080 2001:db8::1 - frank [10/Oct/2026:13:55:36 -0700] "POST /apache/pb.gif?a=1&b=\"2\" HTTP/1.0" 404 - "http://x/\"y\" z" "Mozilla/4.08 [en] (Win98)" "extra field" tail`
	l, err := parseLogLine([]byte(text), true)
	require.NoError(t, err)
	require.Equal(t, "example.org", l.vhost)
	require.Equal(t, "2001:db8::1", l.remote)
	require.Equal(t, "frank", l.user)
	require.Equal(t, "2026-10-10T20:55:36Z", l.time.UTC().Format(time.RFC3339))
	require.Equal(t, "POST", l.method)
	require.Equal(t, "/apache/pb.gif", l.path)
	require.EqualValues(t, 404, l.status)
	require.EqualValues(t, -1, l.size)
	require.Equal(t, "Mozilla/4.08 [en] (Win98)", l.agent)
	require.Equal(t, "tail", l.fields[len(l.fields)-1])
	ev := l.event("acme")
	require.Equal(t, "frank", ev.UserID)
	require.JSONEq(t, `{"endpoint":"/apache/pb.gif","method":"POST","status":404,"user_agent":"Mozilla/4.08 [en] (Win98)"}`, string(ev.Metadata))

	for _, bad := range []string{"", "x", `1.2.3.4 - - [10/Oct/2026:13:55:36 -0700] "GET /`, `1.2.3.4 - - [now] "GET / HTTP/1.1" 200 1 "-" "-"`,
		`1.2.3.4 - - [10/Oct/2026:13:55:36 -0700] "GET / HTTP/1.1" OK 1 "-" "-"`, `1.2.3.4 - - [10/Oct/2026:13:55:36 -0700] "GET / HTTP/1.1" 200 -5 "-" "-"`} {
		_, err := parseLogLine([]byte(bad), false)
		require.Error(t, err, bad)
	}
	// A request that is no request, as scanners send them, is still a call.
	l, err = parseLogLine([]byte(`1.2.3.4 - - [10/Oct/2026:13:55:36 -0700] "\x16\x03" 400 166 "-" "-"`), false)
	require.NoError(t, err)
	require.Empty(t, l.path)
	require.Equal(t, "1.2.3.4", l.event("acme").UserID)
}

func TestLineID(t *testing.T) {
	var first, other [32]byte
	other[0] = 1
	id := lineID(first, 10, []byte("line"))
	require.Equal(t, id, lineID(first, 10, []byte("line")))
	for _, differs := range []string{lineID(other, 10, []byte("line")), lineID(first, 11, []byte("line")), lineID(first, 10, []byte("Line"))} {
		require.NotEqual(t, id, differs)
	}
}

// FuzzParseLogLine: no line makes the parser panic, and every event that comes of one is whole.
func FuzzParseLogLine(f *testing.F) {
	f.Add([]byte(`a.b:1 1.2.3.4 - bob [10/Oct/2026:13:55:36 -0700] "GET /x?y HTTP/1.1" 200 5 "-" "cur\"l"`), true)
	f.Add([]byte(`1.2.3.4 - - [10/Oct/2026:13:55:36 -0700] "GET / HTTP/1.1" 200 - "-" "`+strings.Repeat("ü", 100)+`"`), false)
	f.Add([]byte("\"\\"), false)
	f.Fuzz(func(t *testing.T, line []byte, vhost bool) {
		l, err := parseLogLine(line, vhost)
		if err != nil {
			return
		}
		ev := l.event(l.firstSegment())
		if !json.Valid(ev.Metadata) {
			t.Fatalf("metadata %q", ev.Metadata)
		}
		complete(line)
	})
}
