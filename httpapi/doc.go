// Package httpapi puts an engine behind HTTP: events in, usage and meters out, health, metrics.
//
// # Usage
//
//	api, err := httpapi.New(eng, &httpapi.Options{Logger: log})
//	if err != nil { ... }
//	err = api.Serve(ctx, listener) // until ctx ends; then drains
//
// [API.Handler] gives the bare handler to programs that own their server.
//
// # Routes
//
//	POST   /v1/events                  one event, a batch, or a stream of lines; GET lists them, /v1/events/{id} is one, and can be voided
//	POST   /v1/adjustments             what corrects a number
//	POST   /v1/consume, /v1/check      a decision, counted or not; /batch of each for many; GET /v1/forward-auth for gateways
//	POST   /v1/reservations, /leases   units held for one operation, or for a process
//	GET    /v1/decisions, /crossings   what was decided, which thresholds were reached
//	GET    /v1/usage                   what a meter counted, as JSON or CSV, by groups; /top and /changes
//	GET    /v1/explain                 a number or a decision, traced back to its events and rules
//	GET    /v1/overview                how everything stands; summary, forecast and recommendations below /v1/tenants/{id} for one tenant
//	GET    /v1/stream                  what happens, as server-sent events
//	PUT    /v1/meters, plans, tenants  configuration, by name; GET lists, DELETE archives; quotas and users below /v1/tenants/{id}
//	PUT    /v1/settings                what holds for the whole store
//	POST   /v1/keys                    who is let in, and what they may do; /v1/portal/sessions for a customer's own page
//	GET    /v1/audit                   every change of configuration
//	GET    /v1/system                  the engine's figures; /v1/system/meters has those of each meter, /v1/config the settings
//	POST   /v1/backup                  a consistent copy of the store
//	POST   /compat/...                 events in the forms of other products (package compat)
//	GET    /healthz /readyz /metrics /version
//	GET    /openapi.json               every endpoint, parameter and schema; /docs is the same as a page
//	GET    / /portal                   the dashboard and the portal of tenants (package ui)
//
// table.go has every endpoint with its scope. Every other path is a page of the dashboard to a person who opens it in a browser, but
// for those below /v1 and /compat; to everybody else it is a problem "not_found"; a known path with another method is
// "method_not_allowed" with an Allow header.
//
// # Guarantees
//
// A 2xx answer to an event is written after the engine has said that the event is durable. A
// problem with code outcome_unknown means exactly that: the events of the request may have
// counted, and the same ids may be sent again. Request bodies are inflated and parsed under
// bounds (limits.go): a hostile body costs what the bounds say and no more.
//
// Errors are RFC 9457 problems. A field of a body is named by its JSON pointer (RFC 6901); a
// query parameter is named as a member of the query, so "/limit" is ?limit=.
//
// # JSON
//
// Bodies are strict: duplicate names, unknown members, other types, broken UTF-8 and null are
// refused. Null is refused because JavaScript writes NaN and an invalid Date as null: taking
// it for "absent" would count such an event as one unit, now.
//
// # Concurrency
//
// Everything here is safe for concurrent use. The package starts no goroutine but those of
// net/http, the one that accepts connections while [API.Serve] runs, and one that waits for the drain in every stream.
//
// What it refuses to do: decide anything about usage, keep state of its own, or read the
// environment.
package httpapi
