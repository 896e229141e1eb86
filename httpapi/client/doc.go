// Package client talks to a weir server: it records events, asks quotas and reads usage over HTTP.
//
// # Usage
//
//	c, err := client.New("http://127.0.0.1:7070", &client.Options{Key: os.Getenv("WEIR_KEY")})
//	answer, err := c.Consume(ctx, usage.Request{TenantID: "acme", Items: []usage.Item{{FeatureType: "api_calls"}}})
//
// For events that need no answer there is a [Recorder]: it batches, retries, and with a spool on disk loses nothing while weir is
// down, or when the program that records crashes.
//
//	r, err := c.NewRecorder(&client.RecorderOptions{SpoolDir: "/var/spool/myapp"})
//	err = r.Record(ctx, usage.Event{TenantID: "acme", FeatureType: "api_calls"}) // nil: it will be counted, once
//	defer r.Close(ctx)
//
// Reservations and leases hold units until it is known what was used. [Client.Void], [Client.Adjust] and [Client.ResetQuota] correct what was
// counted. [Client.PutMeter], [Client.PutPlan], [Client.PutTenant], [Client.PutOverride] and [Client.PutSettings] configure it. Lists are
// iterators that ask page by page:
//
//	for tenant, err := range c.Tenants(ctx, client.TenantFilter{NearLimit: true}) { ... }
//
// [Client.Do] calls what has no method here.
//
// # Guarantees
//
// Every write has an id before it is first sent, and a retry sends the same id and payload: whatever is lost on the way, it counts
// once. A write whose answer was lost to the end of the retries is outcome_unknown, never "not done"; calling again with the same
// id finds out. Only keys have no id before they are made: [Client.CreateKey] and [Client.RotateKey] are tried once.
//
// [Recorder.Record] with a spool returns when the event is on this machine's disk (fsync). From then on it is counted exactly once,
// through crashes of this process, of this machine and of weir. Without a spool it returns when the event is in memory, and Close
// says how many it could not deliver.
//
// # Concurrency
//
// Everything is safe for concurrent use. A Recorder has a goroutine, which ends with Close; a Client has none.
//
// What it refuses to do: decide anything itself (but for spending a lease), drop an event in silence, and link the engine: of
// this module it imports usage and internal/escrow.
package client
