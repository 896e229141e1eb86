package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weirhq/weir/usage"
)

// served is an API on a real listener.
type served struct {
	*fixture
	base string
	stop func() error // drains, and returns what Serve returned
}

func serveFixture(f *fixture, wrap func(net.Listener) net.Listener) *served {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(f.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	base := "http://" + l.Addr().String()
	if wrap != nil {
		l = wrap(l)
	}
	go func() { done <- f.api.Serve(ctx, l) }()
	s := &served{fixture: f, base: base}
	s.stop = func() error {
		cancel()
		s.stop = func() error { return nil }
		return <-done
	}
	f.t.Cleanup(func() { require.NoError(f.t, s.stop()) })
	return s
}

// sse is one event as it came.
type sse struct {
	event, id string
	data      map[string]any
}

// listener reads events of an open stream.
type listener struct {
	t    testing.TB
	body io.ReadCloser
	in   *bufio.Reader
}

func (s *served) listen(query, key string, headers ...string) *listener {
	r, err := http.NewRequest("GET", s.base+"/v1/stream"+query, nil)
	require.NoError(s.t, err)
	r.Header.Set("Authorization", "Bearer "+key)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Minute}
	res, err := client.Do(r)
	require.NoError(s.t, err)
	require.Equal(s.t, 200, res.StatusCode)
	require.Equal(s.t, "text/event-stream", res.Header.Get("Content-Type"))
	l := &listener{s.t, res.Body, bufio.NewReader(res.Body)}
	s.t.Cleanup(func() { _ = res.Body.Close() })
	return l
}

// next reads the next event; comments are passed over. io.EOF is event "EOF".
func (l *listener) next() (e sse) {
	for {
		line, err := l.in.ReadString('\n')
		if err == io.EOF {
			return sse{event: "EOF"}
		}
		require.NoError(l.t, err)
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "event":
			e.event = value
		case "id":
			e.id = value
		case "data":
			require.NoError(l.t, json.Unmarshal([]byte(value), &e.data))
		case "":
			if e.event != "" {
				return e
			}
			// the rest of a comment
		}
	}
}

// until reads events up to one for which ok is true, and returns it.
func (l *listener) until(ok func(sse) bool) sse {
	for {
		e := l.next()
		require.NotEqual(l.t, "EOF", e.event)
		if ok(e) {
			return e
		}
	}
}

func TestLiveStream(t *testing.T) {
	f := scopeFixture(t)
	f.do("PUT", "/v1/plans/tight", `{"quotas":[{"slug":"q","meter":"api_calls","period":"month","limit":100}]}`)
	f.do("PUT", "/v1/tenants/acme", `{"plan":"tight"}`)
	defer noLeaks(t, goleak.IgnoreCurrent())
	s := serveFixture(f, nil)
	all := s.listen("", f.key)
	ready := all.next()
	require.Equal(t, "ready", ready.event)
	require.Regexp(t, `^0-\d+$`, ready.id)
	usageOf := func(tenant string, value float64) func(sse) bool {
		return func(e sse) bool {
			return e.event == "usage" && e.data["tenant_id"] == tenant && e.data["meter"] == "api_calls" && e.data["value"] == value
		}
	}
	f.post(`{"id":"1","tenant_id":"globex","feature_type":"api_calls","quantity":7}`)
	all.until(usageOf("globex", 7))
	customer := s.listen("?topics=usage,crossings", f.newKey([]string{"acme"}, usage.ScopePortal))
	customer.next()
	f.do("POST", "/v1/consume", `{"id":"c","tenant_id":"acme","feature_type":"api_calls","quantity":60}`)
	var crossed, decided sse
	for crossed.event == "" || decided.event == "" { // in either order
		switch e := all.until(func(e sse) bool { return e.event != "usage" }); e.event {
		case "crossings":
			crossed = e
		case "decisions":
			decided = e
		}
	}
	require.Equal(t, []any{"acme", 50.0}, []any{crossed.data["tenant_id"], crossed.data["threshold"]})
	require.True(t, strings.HasPrefix(crossed.id, "1-"), crossed.id)
	require.Equal(t, []any{"c", true}, []any{decided.data["id"], decided.data["allowed"]})
	strs := s.listen("?topics=usage&numbers=string", f.key)
	strs.next()
	f.post(`{"id":"2","tenant_id":"globex","feature_type":"api_calls","quantity":1}`)
	strs.until(func(e sse) bool { return e.data["tenant_id"] == "globex" && e.data["value"] == "8" })
	_ = strs.body.Close()
	f.post(`{"id":"3","tenant_id":"acme","feature_type":"api_calls","quantity":30}`)
	for seen := 0; seen < 3; {
		e := customer.next()
		require.Equal(t, "acme", e.data["tenant_id"], "a customer sees itself")
		if e.event == "crossings" {
			seen++
		}
	}
	_ = all.body.Close()

	// What happened meanwhile is there when the client comes back with the id of the last event that it got.
	again := s.listen("?topics=usage,crossings", f.key, "Last-Event-ID", crossed.id)
	require.Equal(t, crossed.id, again.next().id)
	want := map[string]bool{"globex": true, "acme": true}
	for numbers := []float64{}; len(numbers) < 2 || len(want) > 0; {
		e := again.next()
		if e.event == "crossings" {
			numbers = append(numbers, e.data["number"].(float64))
			require.Equal(t, []float64{2, 3}[:len(numbers)], numbers)
		} else if e.data["meter"] == "api_calls" {
			require.Equal(t, map[string]float64{"globex": 8, "acme": 90}[e.data["tenant_id"].(string)], e.data["value"])
			delete(want, e.data["tenant_id"].(string))
		}
	}

	require.NoError(t, s.stop(), "streams do not hold up a stop: else it would end at DrainMax, with an error")
	require.Equal(t, "closing", again.until(func(e sse) bool { return e.event != "usage" }).event)
	require.Equal(t, "EOF", again.next().event)
	w := f.get("/v1/stream")
	require.Equal(t, "draining", f.problem(w).Code)
	_ = customer.body.Close()
}

// noLeaks waits until only those goroutines are left that an option knows. goleak itself waits for less than half a second.
func noLeaks(t *testing.T, known goleak.Option) {
	err := goleak.Find(known)
	for end := time.Now().Add(time.Minute); err != nil && time.Now().Before(end); {
		err = goleak.Find(known)
	}
	require.NoError(t, err)
}

// A stream ends with its key.
func TestLiveStreamOfRevokedKey(t *testing.T) {
	f := scopeFixture(t)
	f.api.heartbeat = 20 * time.Millisecond
	s := serveFixture(f, nil)
	key := f.newKey(nil, usage.ScopeRead)
	l := s.listen("", key)
	l.next()
	line, err := l.in.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, ": still here\n", line)
	id, _, err := ParseKey(key)
	require.NoError(t, err)
	require.NoError(t, f.eng.DeleteKey(context.Background(), id))
	require.Equal(t, "closing", l.next().event)
	require.Equal(t, "EOF", l.next().event)
}

// narrow makes the connections of a listener hold little of what is not read.
type narrow struct{ net.Listener }

func (n narrow) Accept() (net.Conn, error) {
	c, err := n.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(4096)
	}
	return c, err
}

// A client that does not read is told that it was dropped, once it reads; another one is not disturbed, and the engine does not wait.
func TestLiveStreamDropsTheSlow(t *testing.T) {
	f := scopeFixture(t)
	s := serveFixture(f, func(l net.Listener) net.Listener { return narrow{l} })
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4096))
	_, err = fmt.Fprintf(conn, "GET /v1/stream?topics=decisions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", f.key)
	require.NoError(t, err)
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	slow := &listener{t, res.Body, bufio.NewReader(res.Body)}
	require.Equal(t, "ready", slow.next().event)
	quick := s.listen("?topics=usage&tenant_id=globex", f.key)
	quick.next()
	n := 0
	for range 12 { // far more than queue and buffers hold
		rs := make([]usage.Request, 1000)
		for i := range rs {
			n++
			rs[i] = usage.Request{ID: fmt.Sprint(n), TenantID: "acme", Items: []usage.Item{{FeatureType: "api_calls"}}}
		}
		_, err := f.eng.ConsumeBatch(context.Background(), rs)
		require.NoError(t, err)
	}
	f.post(`{"id":"1","tenant_id":"globex","feature_type":"api_calls","quantity":7}`)
	quick.until(func(e sse) bool { return e.event == "usage" && e.data["value"] == 7.0 })
	last := slow.until(func(e sse) bool { return e.event == "dropped" })
	require.Contains(t, last.data["reason"], "connect again")
	require.Equal(t, "EOF", slow.next().event)
}

func TestLiveStreamRefuses(t *testing.T) {
	f := scopeFixture(t)
	portal := "Bearer " + f.newKey([]string{"acme"}, usage.ScopePortal)
	both := "Bearer " + f.newKey([]string{"acme", "globex"}, usage.ScopeRead)
	for _, tc := range []struct {
		query  string
		key    string
		last   string
		status int
		code   string
	}{
		{"?topics=weather", "", "", 422, "invalid_value"},
		{"?topics=usage,", "", "", 422, "invalid_value"},
		{"?tenant_id=", "", "", 422, "invalid_value"},
		{"?topic=usage", "", "", 400, "unknown_field"},
		{"", "", "12", 400, "invalid_cursor"},
		{"", "", "a-b", 400, "invalid_cursor"},
		{"", "", "-1-5", 400, "invalid_cursor"},
		{"?topics=crossings", "", "99-0", 400, "invalid_cursor"},
		{"?topics=decisions", portal, "", 403, "forbidden"},
		{"?tenant_id=globex", portal, "", 403, "forbidden"},
		{"", both, "", 403, "forbidden"},
	} {
		headers := []string{}
		if tc.key != "" {
			headers = append(headers, "Authorization", tc.key)
		}
		if tc.last != "" {
			headers = append(headers, "Last-Event-ID", tc.last)
		}
		w := f.get("/v1/stream"+tc.query, headers...)
		require.Equal(t, tc.status, w.Code, "%+v: %s", tc, w.Body)
		require.Equal(t, tc.code, f.problem(w).Code)
	}
	require.Equal(t, 200, f.get("/v1/stream", "Authorization", portal).Code, "its own tenant is meant")
}

func FuzzEventID(f *testing.F) {
	for _, s := range []string{"0-0", "17-1764150000", "-", "1-", "1-2-3", "9223372036854775807-1", "01-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseEventID(s)
		if err != nil {
			require.Equal(t, usage.CodeInvalidCursor, usage.Code(err))
			return
		}
		again, err := parseEventID(string(appendEventID(nil, c)))
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}
