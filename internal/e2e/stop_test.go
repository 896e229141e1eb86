package e2e

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestStop: SIGTERM lets a request that has begun come to its end, and waits for nobody who has
// not begun one (how long it takes: TestServeClosesUnusedConnections).
func TestStop(t *testing.T) {
	ctx := deadline(t, time.Minute)
	dir := t.TempDir()
	s := serve(ctx, t, dir)
	unused, err := net.Dial("tcp", strings.TrimPrefix(s.Base, "http://"))
	require.NoError(t, err)
	defer unused.Close()

	lines, feed := io.Pipe()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Base+"/v1/events", lines)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+s.Key)
	req.Header.Set("Content-Type", "application/x-ndjson")
	type result struct {
		got batchAnswer
		err error
	}
	answered := make(chan result, 1)
	go func() {
		var r result
		var res *http.Response
		if res, r.err = http.DefaultClient.Do(req); r.err == nil {
			r.err = json.NewDecoder(res.Body).Decode(&r.got)
			_ = res.Body.Close()
		}
		answered <- r
	}()
	_, err = io.WriteString(feed, `{"id":"a","tenant_id":"acme","feature_type":"api_calls"}`)
	require.NoError(t, err)
	for stats, err := s.stats(ctx); stats.Events == 0; stats, err = s.stats(ctx) {
		require.NoError(t, err)
		time.Sleep(10 * time.Millisecond)
		_, err = io.WriteString(feed, "\n") // a slow stream is looked at when something arrives
		require.NoError(t, err)
	}
	require.NoError(t, s.Cmd.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool { // nobody new is let in
		c, err := net.Dial("tcp", strings.TrimPrefix(s.Base, "http://"))
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, time.Minute, time.Millisecond)
	require.False(t, s.Ended(), "it ended with a request on its way")

	_, err = io.WriteString(feed, `{"id":"b","tenant_id":"acme","feature_type":"api_calls"}`)
	require.NoError(t, err)
	require.NoError(t, feed.Close())
	r := <-answered
	require.NoError(t, r.err)
	require.Equal(t, batchAnswer{Accepted: 2}, trim(r.got))
	<-s.Done
	require.Equal(t, 0, s.Cmd.ProcessState.ExitCode(), "%s", &s.Stderr)
	require.Contains(t, mustWeir(ctx, t, "verify", "--data", dir), "verified: 2 events")
}
