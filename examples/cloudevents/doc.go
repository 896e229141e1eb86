// Package cloudevents sends events with the CloudEvents SDK for Go to a real server: a client that was not written here must
// find nothing missing. It is a module of its own, so that the SDK reaches nobody who builds weir. Run it with
// `go test -C examples/cloudevents ./...`.
package cloudevents
