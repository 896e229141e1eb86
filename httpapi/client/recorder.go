package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirhq/weir/usage"
)

// RecorderOptions tune a Recorder. Every zero value is a default.
type RecorderOptions struct {
	// SpoolDir keeps events on disk until weir has them. Empty: in memory only.
	SpoolDir string
	// SpoolBytesMax bounds the spool. Default 1 GiB, some 3.5 million events. When it is full, Record refuses (overloaded).
	SpoolBytesMax int64
	// QueueEventsMax bounds the queue without a spool. Default 100,000. When it is full, Record waits.
	QueueEventsMax int
	// BatchEvents and BatchBytes close a batch, whichever comes first. Default 500 (at most 1,000) and 1 MiB (at most 4 MiB).
	BatchEvents int
	BatchBytes  int
	// FlushInterval is how long an event waits for others. Default 200 ms.
	FlushInterval time.Duration
	// OnRefused hears of every event that weir refused for what it is: it is not sent again. Default: they are only counted. It is
	// called by the goroutine that sends, so a slow one slows it.
	OnRefused func(usage.Event, *usage.Error)
	// OnError hears of every try that failed and will be made again. Default: nobody.
	OnError func(error)
}

// RecorderStats are a recorder's figures since it was made.
type RecorderStats struct {
	Queued     int    // events not delivered yet, those of earlier processes in the spool too
	QueueBytes int64  // memory or disk of the queue
	Counted    uint64 // by weir now
	Duplicates uint64 // had been counted before: a try whose answer was lost
	Refused    uint64
	Batches    uint64
	Failures   uint64 // tries that failed
}

// Recorder delivers events in batches, in the order in which they came.
type Recorder struct {
	client *Client
	o      RecorderOptions
	queue  queue

	counted, duplicates, refused, batches, failures atomic.Uint64

	taken     atomic.Uint64 // events that the queue ever held
	delivered atomic.Uint64 // those that weir has answered for, and that the queue was told of

	life   sync.RWMutex // held for reading while a caller appends
	closed bool
	flush  chan struct{} // somebody waits: do not gather
	moved  chan struct{} // closed and replaced whenever events were delivered
	mu     sync.Mutex    // guards moved
	stop   context.CancelFunc
	done   chan struct{}
	broken atomic.Pointer[error] // the queue cannot be read; nothing is sent any more
}

// queue keeps events until they are delivered: spool or memory.
type queue interface {
	append(ctx context.Context, events [][]byte) error
	read(eventsMax, bytesMax int) ([][]byte, place, error)
	ack(n int, at place) error
	more() <-chan struct{}
	size() (events int, bytes int64)
	refuse() // whoever waits in append for room gets errRecorderClosed; idempotent
	close() error
}

// errRecorderClosed refuses what comes after Close.
var errRecorderClosed = &usage.Error{Code: usage.CodeDraining, Detail: "the recorder is closed"}

// NewRecorder makes a recorder and starts to deliver what an earlier one left in the spool.
func (c *Client) NewRecorder(opts *RecorderOptions) (*Recorder, error) {
	var o RecorderOptions
	if opts != nil {
		o = *opts
	}
	if err := o.ensureDefaults(); err != nil {
		return nil, err
	}
	if o.SpoolDir == "" {
		return newRecorder(c, o, newMemory(o.QueueEventsMax)), nil
	}
	s, err := openSpool(o.SpoolDir, o.SpoolBytesMax, openSpoolFile)
	if err != nil {
		return nil, err
	}
	return newRecorder(c, o, s), nil
}

func newRecorder(c *Client, o RecorderOptions, q queue) *Recorder {
	r := &Recorder{client: c, o: o, queue: q, flush: make(chan struct{}, 1), moved: make(chan struct{}), done: make(chan struct{})}
	events, _ := q.size()
	r.taken.Store(uint64(events))
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go r.run(ctx)
	return r
}

func openSpoolFile(path string) (spoolFile, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
}

func (o *RecorderOptions) ensureDefaults() error {
	for _, f := range []struct {
		value    *int
		name     string
		min, max int
		standard int
	}{
		{&o.QueueEventsMax, "QueueEventsMax", 1, 1 << 30, queueEventsDefault}, {&o.BatchEvents, "BatchEvents", 1, batchEventsMax, batchEventsDefault},
		{&o.BatchBytes, "BatchBytes", 1, batchBytesMax, batchBytesDefault},
	} {
		if *f.value == 0 {
			*f.value = f.standard
		}
		if *f.value < f.min || *f.value > f.max {
			return fmt.Errorf("client: RecorderOptions.%s is %d; use %d to %d, or 0 for %d", f.name, *f.value, f.min, f.max, f.standard)
		}
	}
	if o.SpoolBytesMax == 0 {
		o.SpoolBytesMax = spoolBytesDefault
	}
	if o.FlushInterval == 0 {
		o.FlushInterval = flushDefault
	}
	if o.SpoolBytesMax < 64<<10 || o.FlushInterval < 0 {
		return errors.New("client: RecorderOptions.SpoolBytesMax must be at least 64 KiB, FlushInterval not negative")
	}
	return nil
}

// Record takes events, all or none: with a spool it returns when they are on this machine's disk, else when they are in memory. An event without
// id gets one, and one without timestamp the time of now: it may be delivered much later. Nothing was taken when the error is one of
// an invalid event, overloaded (no room) or draining (closed). To be free to record an event again after a crash or an unknown outcome,
// give it an id and a timestamp of its own: the same id with another timestamp is another event, and refused as a conflict.
func (r *Recorder) Record(ctx context.Context, evs ...usage.Event) error {
	texts := make([][]byte, len(evs))
	now := time.Now().UTC()
	for i := range evs {
		ev := evs[i]
		if ev.ID == "" {
			ev.ID = NewID()
		}
		if ev.Timestamp.IsZero() {
			ev.Timestamp = now
		}
		if err := ev.Validate(); err != nil {
			return err
		}
		text, err := json.Marshal(ev)
		if err != nil { // only its metadata is text of the caller's
			return &usage.Error{Code: usage.CodeMalformedJSON, Pointer: "/metadata", Detail: "metadata is not JSON: " + err.Error()}
		}
		if len(text) > eventBytesMax {
			return &usage.Error{Code: usage.CodeTooLarge, Detail: fmt.Sprintf("the event has %d bytes; use at most %d", len(text), eventBytesMax)}
		}
		texts[i] = text
	}
	r.life.RLock()
	defer r.life.RUnlock()
	if r.closed {
		return errRecorderClosed
	}
	if err := r.queue.append(ctx, texts); err != nil {
		return err
	}
	r.taken.Add(uint64(len(texts)))
	return nil
}

// Stats answers the figures of now.
func (r *Recorder) Stats() RecorderStats {
	events, size := r.queue.size()
	return RecorderStats{Queued: events, QueueBytes: size, Counted: r.counted.Load(), Duplicates: r.duplicates.Load(),
		Refused: r.refused.Load(), Batches: r.batches.Load(), Failures: r.failures.Load()}
}

// Flush returns when everything that was recorded before the call is delivered, or with the error of ctx, or when the recorder was closed
// before it was.
func (r *Recorder) Flush(ctx context.Context) error {
	goal := r.taken.Load()
	for {
		r.mu.Lock()
		moved := r.moved
		r.mu.Unlock()
		if r.delivered.Load() >= goal {
			return nil
		}
		if err := r.broken.Load(); err != nil {
			return *err
		}
		signal(r.flush)
		select {
		case <-moved:
		case <-r.done: // nobody delivers any more
			if left, _ := r.queue.size(); r.delivered.Load() < goal && r.broken.Load() == nil {
				return fmt.Errorf("client: %d events are not delivered: %w", left, errRecorderClosed)
			}
		case <-ctx.Done():
			left, _ := r.queue.size()
			return fmt.Errorf("client: %d events are not delivered yet: %w", left, ctx.Err())
		}
	}
}

// Close takes no more events, delivers what it can until ctx ends, and stops. What a spool still holds then is delivered by the next
// recorder of the directory; without one it is lost, and the error says how much.
func (r *Recorder) Close(ctx context.Context) error {
	r.queue.refuse() // a caller that waits for room holds life
	r.life.Lock()
	if r.closed {
		r.life.Unlock()
		select {
		case <-r.done:
			return nil
		default:
		}
		select {
		case <-r.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.closed = true
	r.life.Unlock()
	err := r.Flush(ctx)
	r.stop()
	<-r.done
	if err != nil && r.o.SpoolDir != "" && errors.Is(err, ctx.Err()) {
		err = nil // it is safe where it is
	}
	return errors.Join(err, r.queue.close())
}

// run delivers batch after batch.
func (r *Recorder) run(ctx context.Context) {
	defer close(r.done)
	for ctx.Err() == nil {
		events, at, err := r.queue.read(r.o.BatchEvents, r.o.BatchBytes)
		if err != nil {
			r.broken.Store(&err)
			r.failed(err)
			r.advance()
			return
		}
		if len(events) == 0 {
			select {
			case <-r.queue.more():
				r.gather(ctx)
			case <-ctx.Done():
			}
			continue
		}
		if !r.deliver(ctx, events) {
			return
		}
		if err := r.queue.ack(len(events), at); err != nil {
			r.failed(err) // they are delivered again after a restart, and count once
		}
		r.delivered.Add(uint64(len(events)))
		r.advance()
	}
}

// advance wakes those who flush.
func (r *Recorder) advance() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.moved)
	r.moved = make(chan struct{})
}

// gather lets a batch fill, unless somebody waits for it.
func (r *Recorder) gather(ctx context.Context) {
	timer := time.NewTimer(r.o.FlushInterval)
	defer timer.Stop()
	for {
		if events, size := r.queue.size(); events >= r.o.BatchEvents || size >= int64(r.o.BatchBytes) {
			return
		}
		select {
		case <-r.queue.more():
		case <-timer.C:
			return
		case <-r.flush:
			return
		case <-ctx.Done():
			return
		}
	}
}

// deliver sends events until weir has answered for each of them, or ctx ends: false. A batch that is refused as a whole is sent in
// halves, so that one event that should not be there does not hold up the others.
func (r *Recorder) deliver(ctx context.Context, events [][]byte) bool {
	body := make([]byte, 0, 2+len(events)+totalBytes(events))
	body = append(body, '[')
	body = append(body, bytes.Join(events, []byte{','})...)
	body = append(body, ']')
	for attempt := 1; ; attempt++ {
		var result BatchResult
		res, err := r.client.once(ctx, http.MethodPost, "/v1/events", mediaJSON, body)
		if err == nil {
			err = res.decode(&result)
		}
		if err == nil {
			r.batches.Add(1)
			r.settle(events, &result)
			return true
		}
		if res != nil && wholeRefused(res.status) {
			if len(events) > 1 {
				half := len(events) / 2
				return r.deliver(ctx, events[:half]) && r.deliver(ctx, events[half:])
			}
			var e *usage.Error
			if errors.As(err, &e) {
				r.refuse(events[0], e)
				return true
			}
		}
		r.failed(err)
		wait := min(outageWaitMax, backoff(attempt))
		if res != nil {
			wait = max(wait, res.retryAfter)
		}
		if !sleep(ctx, wait) {
			return false
		}
	}
}

// wholeRefused reports whether the status of a batch is about what it holds. A key that is not allowed, an address that is wrong or a
// disk that is full are for an operator to put right, and the events wait.
func wholeRefused(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge || status == http.StatusUnprocessableEntity
}

func totalBytes(events [][]byte) int {
	n := 0
	for _, e := range events {
		n += len(e)
	}
	return n
}

// settle counts what became of a batch.
func (r *Recorder) settle(events [][]byte, result *BatchResult) {
	r.counted.Add(uint64(result.Accepted))
	r.duplicates.Add(uint64(result.Duplicates))
	for i := range result.Refused {
		if x := &result.Refused[i]; x.Index >= 0 && x.Index < len(events) {
			r.refuse(events[x.Index], x.Err())
		}
	}
}

func (r *Recorder) refuse(text []byte, why *usage.Error) {
	r.refused.Add(1)
	if r.o.OnRefused == nil {
		return
	}
	var ev usage.Event
	if json.Unmarshal(text, &ev) == nil { // it was marshalled here, or by a recorder before
		r.o.OnRefused(ev, why)
	}
}

func (r *Recorder) failed(err error) {
	r.failures.Add(1)
	if r.o.OnError != nil {
		r.o.OnError(err)
	}
}
