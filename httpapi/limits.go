package httpapi

import "time"

// The bounds of this package. Those of events themselves are in package usage.
const (
	// jsonBodyBytesMax bounds a JSON body after inflation: 10,000 events of about 800 bytes.
	jsonBodyBytesMax = 8 << 20
	// batchEventsMax is how many events one JSON body may hold.
	batchEventsMax = 10_000
	// lineBytesMax bounds one line of NDJSON: an event with 4 KiB of metadata, every byte of
	// it escaped as \u00XX, is under 32 KiB.
	lineBytesMax = 64 << 10
	// chunkEventsMax and chunkBytesMax close a chunk of a stream, whichever comes first:
	// 4,096 is what one block of the log takes, 1 MiB is that many events of 256 bytes.
	chunkEventsMax = 4096
	chunkBytesMax  = 1 << 20
	// rejectedListMax is how many refused events an answer lists; the total is always given.
	rejectedListMax = 1000
	// configBodyBytesMax bounds the body of a configuration request.
	configBodyBytesMax = 256 << 10
	// inflateWindowBytesMax bounds the history that a zstd frame may ask for. RFC 8878
	// recommends that decoders take at least 8 MiB.
	inflateWindowBytesMax = 8 << 20
	// pooledBytesMax: larger buffers are left to the garbage collector, so that one large
	// body does not stay in memory for ever.
	pooledBytesMax = 2 << 20
	// pooledEventsMax is the same bound for slices of events (about 200 bytes each).
	pooledEventsMax = batchEventsMax

	// keyBytesMax bounds a key or a token of a session: an identifier of 128 bytes in base64 and an HMAC fit twice.
	keyBytesMax = 512
	// attemptsBurst and attemptsPerSecond are the wrong keys that an address may send: enough for a deployment with an old key,
	// and about what a line in the log is worth.
	attemptsBurst     = 500
	attemptsPerSecond = 5
	// attemptAddressesMax bounds the addresses whose wrong keys are counted, about 100 bytes each.
	attemptAddressesMax = 8192
	// sessionTTLDefault and sessionTTLMax are how long a portal session lasts.
	sessionTTLDefault = time.Hour
	sessionTTLMax     = 24 * time.Hour

	// overviewListMax bounds the lists of an overview: more than a page of them is what /v1/tenants and /v1/usage/top are for.
	overviewListMax = 100
	// overviewForecastsMax is how many quotas of an overview are forecast, at about half a millisecond each.
	overviewForecastsMax = 20

	// forecastHistory is how far back a forecast looks. Recent weeks dominate a trend, and eight of them say what there is
	// to say about a week's shape; more would cost more than they tell.
	forecastHistory = 8 * 7 * 24 * time.Hour
	// recommendPeriods is how many past billing periods recommendations look at: what rollup/forecast looks at.
	recommendPeriods = 3

	// inFlightMax bounds the requests under way: with a body each of a megabyte that is 4 GiB at the very worst, and usually 100 MiB.
	inFlightMax = 4096
	// connectionsMaxDefault bounds the connections, about 10 KiB each while idle.
	connectionsMaxDefault = 8192
	// heavyWaitMax is how long a query waits for its turn.
	heavyWaitMax = 5 * time.Second
	// pacedTenantsMax bounds the tenants whose pace is known, about 150 bytes each.
	pacedTenantsMax = 1 << 16

	// heartbeat is how often a stream says that it is alive, and asks whether its key still is.
	heartbeat = 15 * time.Second
	// streamWriteMax is how long a client may take to accept what a stream sends.
	streamWriteMax = 10 * time.Second

	listLimitDefault = 100
	listLimitMax     = 1000

	// bodyIdleMax is how long a body, or the next chunk of a stream, may take to arrive.
	bodyIdleMax = 60 * time.Second
	// headerMax is how long the request line and headers may take; more is a slow-loris.
	headerMax = 10 * time.Second
	// idleMax is how long an unused keep-alive connection stays open.
	idleMax = 120 * time.Second
	// answerMax is how long writing an answer may take after its body was read.
	answerMax = 60 * time.Second
	// headerBytesMax bounds the headers of a request; net/http adds 4 KiB of slack.
	headerBytesMax = 32 << 10

	// retryAfterSeconds goes with every 429 and 503. The engine's queue empties in
	// milliseconds, so the shortest value the header can say is right.
	retryAfterSeconds = "1"
)
