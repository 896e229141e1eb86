// Package compat reads usage events in the forms of others: CloudEvents 1.0, and what the clients of OpenMeter, Lago and Stripe
// send. It also writes the answers that those clients expect. docs/COMPAT.md shows each with a curl, and what is not covered.
//
// It is pure: it records nothing, and knows no keys. Package httpapi reads the bodies under its bounds, records, and answers.
//
// Members that a form does not know are ignored, as the peers do. What is there must be well formed: JSON is read as strictly as
// everywhere in weir, so that a number is never rounded and no member counts twice.
//
// No function keeps what it was given: strings and metadata of events are copies.
package compat
