// Package strictjson reads JSON strictly and fast, and knows nothing of what the JSON means.
//
// Strict means RFC 8259 to the letter and RFC 7493 where it asks for more: strings are UTF-8
// without lone surrogates, no object has a name twice (also not in two spellings), nothing
// follows the value. Accept and reject agree with github.com/go-json-experiment/json/jsontext,
// which the tests use as the oracle. It is written by hand because generic decoders reach 0.2
// to 0.4 million events a second and core, and one of metadata must cost far less than the
// event around it.
//
// There are four ways to read:
//
//   - [Scanner.Object]: one pass over an event's metadata that validates, hashes canonically and
//     finds the scalars. For every event.
//   - [Parser]: pulls values out of a request body, in the order of the text. It can step over an
//     element that is well-formed but wrong.
//   - [Lookup] and [Unquote]: one member of a text that was checked before.
//   - [Unmarshal]: a configuration body into a Go value, unknown members refused.
//
// # Guarantees
//
// No input makes it panic. What it allocates is bounded by the size of the text. Time is linear
// in the text: member names are hashed with a random key, so that nobody can make them collide.
//
// # Concurrency
//
// A [Scanner] or a [Parser] is one goroutine's; the functions are safe for concurrent use.
// Nothing blocks.
//
// # Refusals
//
// It writes no JSON, reads no streams (a text is a byte slice, its size bounded by the caller),
// takes no comments, no NaN, no trailing commas, and turns no number into a float.
package strictjson
