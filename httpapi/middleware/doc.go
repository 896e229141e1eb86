// Package middleware asks weir before an HTTP handler runs, or settles with it afterwards. It works with an embedded engine and with
// a remote weir alike, and links neither.
//
//	limit, err := middleware.New(eng, middleware.Options{
//		Tenant:  func(r *http.Request) string { return r.Header.Get("X-Tenant") },
//		Feature: "api_calls",
//	})
//	http.Handle("/v1/", limit.Wrap(handler))
//
// # Modes
//
//   - [Consume] asks and counts in one durable step before the handler runs: exact, one fsync shared by all calls in flight.
//   - [Settle] reserves before the handler, and commits what it really cost afterwards: bytes, tokens, or nothing for a failure.
//   - [Lease] spends units that were taken in advance, one atomic operation a request: exact as well, and counted in batches, at the
//     latest when the lease ends. Units of a lease that a process loses by ending without Close are counted as used.
//
// A request that a quota throttles waits for as long as the quota says, in modes Consume and Settle.
//
// # When weir does not answer
//
// A request goes on when its route fails open, and gets 503 when it fails closed (the default). What weir refuses is an answer: an id that
// was used with another cost is 409, an unknown tenant or a missing user 403, a cost or name that cannot be counted 400, however the
// route fails.
//
// A retry of the same request id counts once; see Options.ID for who chooses it. In mode Settle a copy that failed has cost nothing, and its
// retry is reserved and counted like a first one.
//
// # Gateways
//
// nginx, Traefik and Caddy ask GET /v1/forward-auth instead. nginx:
//
//	location / { auth_request /weir; proxy_pass http://upstream; }
//	location = /weir {
//		internal;
//		proxy_pass http://127.0.0.1:7070/v1/forward-auth?feature_type=api_calls&deny=403;
//		proxy_pass_request_body off;
//		proxy_set_header Content-Length "";
//		proxy_set_header X-Weir-Key weir_...;
//		proxy_set_header X-Weir-Tenant $http_x_tenant;
//		proxy_set_header X-Request-Id $request_id;
//	}
//
// Traefik: a ForwardAuth middleware with that address and authRequestHeaders X-Weir-Tenant, X-Request-Id. Caddy: forward_auth with
// uri /v1/forward-auth?feature_type=api_calls and header_up X-Weir-Key.
//
// # Concurrency
//
// A Limiter is safe for concurrent use. Close settles its leases.
package middleware
