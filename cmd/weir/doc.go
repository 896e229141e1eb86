// Command weir is the server and its command line: it records events exactly once, answers how much was used, and decides how
// much may be.
//
//	weir dev                      try it: temporary data, demo traffic, no keys
//	weir serve --data DIR         the server
//	weir record, consume, usage   talk to a server; so do plans, tenants, keys and all the others
//	weir import FILE              turn a file into events: NDJSON, CSV, an access log
//	weir backup, restore          copies of the store
//	weir verify --data DIR        fold the log again and compare
//
// docs/CLI.md lists every command, and says how settings (flags, variables WEIR_<FLAG>, a file), keys and output work.
//
// # Exit codes
//
//	0  done
//	1  it failed, or what was looked for is not so (weir verify: the state differs)
//	2  the command line or a setting is wrong; nothing was tried
//	3  a quota denied it
package main
