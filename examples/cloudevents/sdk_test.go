package cloudevents

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

// startWeir builds and runs a server, and answers its address and its admin key.
func startWeir(t *testing.T) (base, key string) {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "weir")
	build := exec.Command("go", "build", "-o", program, "./cmd/weir")
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build weir: %v\n%s", err, out)
	}
	data := filepath.Join(dir, "data")
	cmd := exec.Command(program, "serve", "--data", data, "--listen", "127.0.0.1:0")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if _, address, ok := strings.Cut(lines.Text(), "weir listens on "); ok {
			text, err := os.ReadFile(filepath.Join(data, "admin.key"))
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return address, strings.TrimSpace(string(text))
		}
	}
	t.Fatal("the server did not start")
	return "", ""
}

func newEvent(t *testing.T, id string) cloudevents.Event {
	t.Helper()
	e := cloudevents.NewEvent()
	e.SetID(id)
	e.SetSource("https://shop.example/checkout?a=1&b=\"ü\"")
	e.SetType("api_calls")
	e.SetSubject("größe & co")
	e.SetTime(time.Now().Truncate(time.Microsecond))
	e.SetExtension("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if err := e.SetData(cloudevents.ApplicationJSON, map[string]any{"quantity": 3, "user_id": "alice", "route": "/pay"}); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestThreeModes sends an event in binary and in structured mode, and a batch that holds it again: all copies are one.
func TestThreeModes(t *testing.T) {
	base, key := startWeir(t)
	authorization := cehttp.WithHeader("Authorization", "Bearer "+key)
	client, err := cloudevents.NewClientHTTP(cloudevents.WithTarget(base+"/v1/events"), authorization)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	one := newEvent(t, "one")
	for name, mode := range map[string]func() error{
		"binary":     func() error { return client.Send(ctx, one) },
		"structured": func() error { return client.Send(binding.WithForceStructured(ctx), one) },
	} {
		if result := mode(); !cloudevents.IsACK(result) {
			t.Fatalf("%s: %v", name, result)
		}
	}
	expect(t, base, key, "3")

	batch, err := cehttp.NewHTTPRequestFromEvents(ctx, base+"/v1/events", []cloudevents.Event{one, newEvent(t, "two"), newEvent(t, "three")})
	if err != nil {
		t.Fatal(err)
	}
	batch.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(batch)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct{ Accepted, Duplicates int }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != 200 {
		t.Fatalf("batch: %s, %v", res.Status, err)
	}
	if answer.Accepted != 2 || answer.Duplicates != 1 {
		t.Fatalf("batch: %+v; want 2 accepted and the first a duplicate", answer)
	}
	expect(t, base, key, "9")

	openmeter, err := cloudevents.NewClientHTTP(cloudevents.WithTarget(base+"/compat/openmeter/api/v1/events"), authorization)
	if err != nil {
		t.Fatal(err)
	}
	if result := openmeter.Send(binding.WithForceStructured(ctx), newEvent(t, "four")); !cloudevents.IsACK(result) {
		t.Fatalf("openmeter: %v", result)
	}
	wrong := newEvent(t, "five")
	wrong.SetType("no_such_feature")
	if result := client.Send(ctx, wrong); cloudevents.IsACK(result) {
		t.Fatal("an unknown type was acknowledged")
	}
	expect(t, base, key, "12")
}

// expect compares the month's total of the tenant.
func expect(t *testing.T, base, key, want string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", base+"/v1/usage?meter=api_calls&tenant_id=gr%C3%B6%C3%9Fe+%26+co&numbers=string", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var rows struct {
		Data []struct{ Value json.RawMessage }
	}
	if err := json.NewDecoder(res.Body).Decode(&rows); err != nil || len(rows.Data) != 1 {
		t.Fatalf("usage: %s, %v, %+v", res.Status, err, rows)
	}
	if got := fmt.Sprint(strings.Trim(string(rows.Data[0].Value), `"`)); got != want {
		t.Fatalf("the tenant has used %s, want %s", got, want)
	}
}
