// Package civil knows calendars and time zones: days and months as integers, and the windows of
// local civil time that tile a range.
//
// # Guarantees
//
// [Windows] tiles its range without gap or overlap in every zone. A local day begins at the first
// instant whose clock reads its date or a later one: where midnight falls in a gap, at the first
// instant after it; where it comes twice, at the first. A date that a zone skipped (Apia,
// 2011-12-30) has no window.
//
// # Concurrency
//
// Everything here is a pure function; zone tables are immutable.
//
// # Limits
//
// The calendar is the proleptic Gregorian one. The package knows no billing anchors, tenants or
// meters, and reads no clock.
package civil
