package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestOpenLoopOmitsNothing: while the server stands still, requests go on to be due, and the time that they wait is theirs.
func TestOpenLoopOmitsNothing(t *testing.T) {
	a := arrivals{perSecond: 200, span: 500 * time.Millisecond, callers: 1}
	waits, late, err := a.run(context.Background(), func(i int) error {
		if i == 10 {
			time.Sleep(300 * time.Millisecond) // a pause of the server
		}
		return nil
	})
	if err != nil || len(waits) != 100 {
		t.Fatalf("%d requests, %v", len(waits), err)
	}
	// A closed loop would have seen one slow request. Here the pause is met by the 60 that were due in it.
	if waits[60] < 30*time.Millisecond || late < 40 {
		t.Fatalf("the 60th of 100 took %v, %d were late", waits[60], late)
	}
	wrong := errors.New("wrong")
	if _, _, err := a.run(context.Background(), func(int) error { return wrong }); !errors.Is(err, wrong) {
		t.Fatal(err)
	}
}

func TestSample(t *testing.T) {
	page := []byte("# HELP x y\nx_total 3\nx 1.5e+06\nx{a=\"b\"} 4\n")
	if got := sample(page, "x"); got != 1.5e6 {
		t.Fatal(got)
	}
	if got := mean([]float64{1, 1, 2, 2, 3, 3, 5, 7}, 3); got != 6 {
		t.Fatal(got)
	}
}

// An answer that is wrong, and a server that hangs up, end the run with an error.
func TestWiresFail(t *testing.T) {
	for _, answer := range []http.HandlerFunc{
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
		func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("no")) },
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		var n atomic.Int64
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if n.Add(1) == 20 {
				answer(w, r)
				return
			}
			_, _ = w.Write([]byte("yes"))
		}))
		a := arrivals{perSecond: 500, span: time.Second, callers: 4}
		waits, _, err := a.runWires(context.Background(), strings.TrimPrefix(s.URL, "http://"), "/", "key", func(int) []byte { return []byte("{}") }, []byte("yes"))
		if err == nil || len(waits) < 15 || len(waits) >= 500 {
			t.Errorf("%d answers, %v", len(waits), err)
		}
		s.Close()
	}
}

func TestWrkFigures(t *testing.T) {
	got, err := wrkFigures("Running 10s test\nWEIR 150000 10000000 48 239 1100 4120 0\n")
	if err != nil || got[0].Value != 15000 || got[2].Value != 239e3 {
		t.Fatal(got, err)
	}
	for _, wrong := range []string{"", "WEIR 1 2\n", "WEIR 150000 10000000 48 239 1100 4120 3\n"} {
		if _, err := wrkFigures(wrong); err == nil {
			t.Fatal(wrong)
		}
	}
}
