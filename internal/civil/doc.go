// Package civil knows calendars and time zones: days and months as integers, the windows of
// local civil time that tile a range, and zones as tables of integers that travel with the log.
//
// # Guarantees
//
// [Windows] tiles its range without gap or overlap in every zone. A local day begins at the first
// instant whose clock reads its date or a later one: where midnight falls in a gap, at the first
// instant after it; where it comes twice, at the first. A date that a zone skipped (Apia,
// 2011-12-30) has no window.
//
// A [Table] gives the same periods as Windows from 1970 to 2100, and grids through a billing anchor,
// from its own bytes: machines with different zone databases agree once they have the same table.
//
// # Concurrency
//
// Everything here is a pure function; zone tables are immutable.
//
// # Limits
//
// The calendar is the proleptic Gregorian one. Beyond its years a table keeps its last offset. The
// package knows no tenants or meters, and reads no clock.
package civil
