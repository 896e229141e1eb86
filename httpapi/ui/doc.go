// Package ui is the dashboard and the customers' portal: pages that were built from web/ and are embedded in the binary.
//
// # Usage
//
//	pages, err := ui.New(nil)
//	if pages.Serve(w, r) { return } // else the request is not for a page
//
// # Guarantees
//
// Nothing is loaded from another origin, and no script or style runs that is not in the binary: the content security policy names
// the files of this origin and the hash of the one inline script. Files with a hash in their name are cached for ever, pages never.
//
// The pages work below any path, behind a proxy that strips it or not: every page is told how far above it the root is
// (page.go), and asks the API from there.
//
// # Build
//
// `make ui` builds web/ into dist/, which is committed; `make ui-check` fails when a fresh build differs.
//
// What it refuses to do: ask the engine, know a key, set a cookie, or run on the server. A page is a client of the HTTP API like any other.
package ui
