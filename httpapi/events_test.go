package httpapi

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

type batchBody struct {
	Accepted, Duplicates int64
	Rejected             []struct {
		Index                     int64
		ID, Code, Pointer, Detail string
	}
	RejectedTotal int64             `json:"rejected_total"`
	OverLimit     []json.RawMessage `json:"over_limit"`
}

func (f *fixture) batch(status int, body io.Reader, headers ...string) batchBody {
	f.t.Helper()
	w := f.send("POST", "/v1/events", body, headers...)
	require.Equal(f.t, status, w.Code, w.Body.String())
	require.Equal(f.t, "application/json", w.Header().Get("Content-Type"))
	var b batchBody
	require.NoError(f.t, json.Unmarshal(w.Body.Bytes(), &b), w.Body.String())
	require.NotNil(f.t, b.Rejected)
	require.NotNil(f.t, b.OverLimit)
	return b
}

func TestSingleEvent(t *testing.T) {
	f := newFixture(t)
	const body = `{"id":"r1","tenant_id":"acme","feature_type":"api_calls","quantity":3}`
	type answer struct {
		ID, Status    string
		BillingPeriod struct{ Start, End string } `json:"billing_period"`
		Quotas        []json.RawMessage
	}
	read := func(text []byte) (a answer) {
		require.NoError(t, json.Unmarshal(text, &a), string(text))
		require.NotNil(t, a.Quotas)
		return a
	}
	w := f.post(body)
	require.Equal(t, 200, w.Code)
	a := read(w.Body.Bytes())
	require.Equal(t, "r1", a.ID)
	require.Equal(t, "counted", a.Status)
	require.Contains(t, a.BillingPeriod.Start, "-01T00:00:00Z")
	require.Contains(t, a.BillingPeriod.End, "-01T00:00:00Z")

	// The same payload in other words.
	w = f.post(` {"feature_type":"api_calls","quantity":"3.0","tenant_id":"acme","id":"r\u0031"}`)
	require.Equal(t, "duplicate", read(w.Body.Bytes()).Status)
	w = f.post(`{"id":"r1","tenant_id":"acme","feature_type":"api_calls","quantity":4}`)
	require.Equal(t, 409, w.Code)
	require.Equal(t, "conflict", f.problem(w).Code)

	// The header is the id when the body has none; quoted as the draft has it, or bare.
	const noID = `{"tenant_id":"acme","feature_type":"api_calls","quantity":10}`
	require.Equal(t, "k1", read(f.post(noID, "Idempotency-Key", "k1").Body.Bytes()).ID)
	require.Equal(t, "duplicate", read(f.post(noID, "Idempotency-Key", `"k1"`).Body.Bytes()).Status)
	made := read(f.post(noID).Body.Bytes())
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, made.ID)
	require.Equal(t, "counted", made.Status)
	require.Equal(t, "23", f.total("api_calls"))
}

func TestBatchForms(t *testing.T) {
	f := newFixture(t)
	const a = `{"id":"a","tenant_id":"acme","feature_type":"api_calls"}`
	const b = `{"id":"b","tenant_id":"acme","feature_type":"api_calls","quantity":2}`
	const bad = `{"id":"c","tenant_id":"acme","feature_type":"api_cals"}`
	got := f.batch(200, strings.NewReader("["+a+","+bad+","+a+","+b+"]"))
	require.EqualValues(t, 2, got.Accepted)
	require.EqualValues(t, 1, got.Duplicates)
	require.EqualValues(t, 1, got.RejectedTotal)
	require.EqualValues(t, 1, got.Rejected[0].Index)
	require.Equal(t, "c", got.Rejected[0].ID)
	require.Equal(t, "unknown_feature", got.Rejected[0].Code)
	require.Equal(t, "/1/feature_type", got.Rejected[0].Pointer)
	require.Contains(t, got.Rejected[0].Detail, "api_calls", "did you mean")

	got = f.batch(200, strings.NewReader(`{"events":[`+b+`,{"tenant_id":"acme","feature_type":"api_calls"}]}`), "Content-Type", "application/json; charset=UTF-8")
	require.EqualValues(t, 1, got.Duplicates)
	require.Equal(t, "missing_field", got.Rejected[0].Code)
	require.Equal(t, "/events/1/id", got.Rejected[0].Pointer)

	// Everything refused is 422 with the same body; nothing at all is not refused.
	got = f.batch(422, strings.NewReader("["+bad+"]"))
	require.EqualValues(t, 1, got.RejectedTotal)
	for _, empty := range []string{"[]", `{"events":[]}`} {
		require.Zero(t, f.batch(200, strings.NewReader(empty)).RejectedTotal)
	}
	require.Zero(t, f.batch(200, strings.NewReader("\n\n"), "Content-Type", "application/x-ndjson").Accepted)

	// A batch with text that is not JSON counts nothing.
	require.Equal(t, 400, f.post(`[{"id":"z","tenant_id":"acme","feature_type":"api_calls"},{]`).Code)
	require.Equal(t, "3", f.total("api_calls"))
}

func zip(t *testing.T, text []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(text)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

func zstdOf(t *testing.T, text []byte) []byte {
	z, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	defer z.Close()
	return z.EncodeAll(text, nil)
}

func TestEncodings(t *testing.T) {
	f := newFixture(t)
	text := sample(500, "aaaa")
	for i := range 3 { // more than once, as inflaters are pooled
		got := f.batch(200, bytes.NewReader(zip(t, text)), "Content-Encoding", "gzip")
		require.EqualValues(t, 500, got.Accepted+got.Duplicates, i)
		got = f.batch(200, bytes.NewReader(zstdOf(t, text)), "Content-Encoding", "zstd")
		require.EqualValues(t, 500, got.Duplicates)
		require.EqualValues(t, 500, f.batch(200, bytes.NewReader(text), "Content-Encoding", "identity").Duplicates)
	}
	for encoding, whole := range map[string][]byte{"gzip": zip(t, text), "zstd": zstdOf(t, text)} {
		for _, end := range []int{0, 1, 5, len(whole) / 2, len(whole) - 1} {
			w := f.send("POST", "/v1/events", bytes.NewReader(whole[:end]), "Content-Encoding", encoding)
			require.Equal(t, "malformed_json", f.problem(w).Code, "%s %d", encoding, end)
		}
		broken := bytes.Clone(whole)
		broken[len(broken)-5] ^= 0x40
		require.Equal(t, 400, f.send("POST", "/v1/events", bytes.NewReader(broken), "Content-Encoding", encoding).Code, encoding)
	}
}

// TestBomb: a body of 64 KB that inflates to 64 MB stops at the bound, in time and memory.
func TestBomb(t *testing.T) {
	f := newFixture(t)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	zeros := make([]byte, 1<<20)
	for i := range zeros {
		zeros[i] = ' '
	}
	for range 64 {
		_, err := z.Write(zeros)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w := f.send("POST", "/v1/events", bytes.NewReader(bomb.Bytes()), "Content-Encoding", "gzip")
	runtime.ReadMemStats(&after)
	require.Equal(t, 413, w.Code)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(48<<20))

	// As a stream it is one endless line: refused for itself, and never held whole.
	runtime.ReadMemStats(&before)
	got := f.batch(422, bytes.NewReader(bomb.Bytes()), "Content-Encoding", "gzip", "Content-Type", "application/x-ndjson")
	runtime.ReadMemStats(&after)
	require.EqualValues(t, 1, got.RejectedTotal)
	require.Equal(t, "too_large", got.Rejected[0].Code)

	wide := zstdWithWindow(t, zeros)
	w = f.send("POST", "/v1/events", bytes.NewReader(wide), "Content-Encoding", "zstd")
	require.Equal(t, 413, w.Code, w.Body.String())
}

// zstdWithWindow makes a frame that asks for 64 MiB of history.
func zstdWithWindow(t *testing.T, text []byte) []byte {
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithWindowSize(64<<20))
	require.NoError(t, err)
	for range 65 {
		_, err = z.Write(text)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

// TestStream sends lines of every kind, over several chunks, and looks for each in the answer.
func TestStream(t *testing.T) {
	f := newFixture(t)
	const good = `{"id":"%d","tenant_id":"acme","feature_type":"api_calls"}`
	var body strings.Builder
	long := `{"id":"long","tenant_id":"` + strings.Repeat("x", lineBytesMax) + `"}`
	endless := strings.Repeat("y", 3*chunkBytesMax)
	wrong := map[int64]string{}
	const lines = 10_000
	for i := range int64(lines) {
		switch {
		case i == 5:
			body.WriteString("{oops}\r\n")
			wrong[i] = "malformed_json"
		case i == 6:
			body.WriteString("\n  \n\r\n" + `{"id":"6","tenant":"acme"}` + "\n")
			wrong[i] = "unknown_field"
		case i == 4000:
			body.WriteString(long + "\n")
			wrong[i] = "too_large"
		case i == 5000:
			body.WriteString(endless + "\n")
			wrong[i] = "too_large"
		case i == 5001:
			body.WriteString("[]\n")
			wrong[i] = "wrong_type"
		case i == 9000:
			body.WriteString(`{"id":"9000"} {"id":"9001"}` + "\n")
			wrong[i] = "malformed_json"
		case i == lines-1:
			fmt.Fprintf(&body, good, i) // no line feed at the end
		default:
			fmt.Fprintf(&body, good+"\n", i)
		}
	}
	got := f.batch(200, strings.NewReader(body.String()), "Content-Type", "application/x-ndjson")
	require.EqualValues(t, lines-len(wrong), got.Accepted)
	require.EqualValues(t, len(wrong), got.RejectedTotal)
	for _, r := range got.Rejected {
		require.Equal(t, wrong[r.Index], r.Code, r.Index)
		require.True(t, strings.HasPrefix(r.Pointer, fmt.Sprintf("/%d", r.Index)), r.Pointer)
	}
	require.Equal(t, fmt.Sprint(lines-len(wrong)), f.total("api_calls"))

	// In drops it is the same stream.
	got = f.batch(200, drops{strings.NewReader(strings.Replace(body.String(), endless, "{", 1))}, "Content-Type", "application/x-ndjson")
	require.EqualValues(t, lines-len(wrong), got.Duplicates)
	require.EqualValues(t, len(wrong), got.RejectedTotal)
}

// drops reads seven bytes at a time: lines and their ends are cut everywhere.
type drops struct{ r io.Reader }

func (d drops) Read(p []byte) (int, error) { return d.r.Read(p[:min(7, len(p))]) }

// TestStreamCutOff: the answer to a stream that breaks says where to go on, and what lies
// before that is counted.
func TestStreamCutOff(t *testing.T) {
	f := newFixture(t)
	var body bytes.Buffer
	const lines = 30_000
	for i := range lines {
		// Ids that do not compress, so that half of the bytes hold about half of the lines.
		fmt.Fprintf(&body, `{"id":"%s","tenant_id":"acme","feature_type":"api_calls","metadata":{"n":%d}}`+"\n", NewEventID(), i)
	}
	whole := zip(t, body.Bytes())
	w := f.send("POST", "/v1/events", bytes.NewReader(whole[:len(whole)*3/4]), "Content-Encoding", "gzip", "Content-Type", "application/x-ndjson")
	p := f.problem(w)
	require.Equal(t, 400, w.Code)
	require.NotNil(t, p.NextIndex)
	require.Positive(t, *p.NextIndex)
	require.Equal(t, *p.NextIndex, p.Accepted)
	require.Equal(t, fmt.Sprint(p.Accepted), f.total("api_calls"))

	// A short one too: every line that came whole is recorded.
	short := `{"id":"a","tenant_id":"acme","feature_type":"seats"}` + "\n{}\n" + `{"id":"b","tenant_id":"acme","feature_type":"seats"}` + "\n" + `{"id":"c","ten`
	p2 := f.problem(f.send("POST", "/v1/events", iotest.ErrReader(io.ErrUnexpectedEOF), "Content-Type", "application/x-ndjson"))
	require.EqualValues(t, 0, *p2.NextIndex)
	p2 = f.problem(f.send("POST", "/v1/events", io.MultiReader(strings.NewReader(short), iotest.ErrReader(io.ErrUnexpectedEOF)), "Content-Type", "application/x-ndjson"))
	require.Equal(t, []int64{3, 2}, []int64{*p2.NextIndex, p2.Accepted})
	require.Equal(t, 404, f.get("/v1/events/c?tenant_id=acme").Code)

	rest := bytes.SplitAfter(body.Bytes(), []byte("\n"))[*p.NextIndex:]
	got := f.batch(200, bytes.NewReader(bytes.Join(rest, nil)), "Content-Type", "application/x-ndjson")
	require.EqualValues(t, lines-*p.NextIndex, got.Accepted)
	require.Equal(t, fmt.Sprint(lines), f.total("api_calls"))
}

// BenchmarkPostBatch posts batches of 1,000 to a real engine, without the network.
func BenchmarkPostBatch(b *testing.B) {
	f := newFixture(b)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		b.StopTimer()
		body := sample(1000, fmt.Sprintf("%04x", n&0xffff))
		b.StartTimer()
		f.batch(200, bytes.NewReader(body))
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "events/s")
}
