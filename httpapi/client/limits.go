package client

import "time"

// The bounds of this package.
const (
	// answerBytesMax bounds an answer: 10,000 rows of usage are about 1.5 MB, 1,000 answers with all quotas about 20 MB.
	answerBytesMax = 64 << 20
	// attemptsDefault with the waits below is about 6 s: a server that restarts is back by then.
	attemptsDefault = 8
	waitFirst       = 50 * time.Millisecond
	waitMax         = 2 * time.Second
	// retryAfterMax bounds what a server may ask for: a header that was mangled must not stop a client for a day.
	retryAfterMax = 60 * time.Second
	// timeoutDefault is of one attempt. A consume takes an fsync, a batch some milliseconds.
	timeoutDefault = 10 * time.Second

	// batchEventsMax is also the most refusals that an answer lists, so every refused event is known.
	batchEventsMax      = 1000
	batchEventsDefault  = 500
	batchBytesDefault   = 1 << 20 // an eighth of what the server takes
	batchBytesMax       = 4 << 20
	flushDefault        = 200 * time.Millisecond
	queueEventsDefault  = 100_000 // of about 300 bytes: 30 MB
	eventBytesMax       = 64 << 10
	outageWaitMax       = 5 * time.Second // between tries while weir is down
	spoolBytesDefault   = 1 << 30         // 3.5 M events of 300 bytes
	segmentBytesDefault = 8 << 20         // what is deleted at once; a smaller spool has smaller ones
)
