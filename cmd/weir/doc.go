// Command weir meters usage: it records events exactly once, and answers how much was used.
//
//	weir dev                      try it: temporary data, demo traffic, no keys
//	weir serve --data DIR         the server
//	weir record, weir usage       talk to a server
//	weir import FILE              turn access logs into events
//	weir verify --data DIR        fold the log again and compare
//
// # Settings
//
// A setting is a flag; the environment variable WEIR_<FLAG> (upper case, '-' as '_') gives its
// default, so WEIR_KEY is --key. A variable WEIR_* that is no flag of any command is an error.
// NO_COLOR switches colours off.
//
// # Keys
//
// The first `weir serve` of a directory prints an admin key and writes it to DIR/admin.key,
// readable by its owner only. That file is the only store of keys so far: whoever can read it
// is the administrator. To change the key, delete the file and start again.
//
// # Exit codes
//
//	0  done
//	1  it failed, or what was looked for is not so (weir verify: the state differs)
//	2  the command line or a setting is wrong; nothing was tried
package main
