package usage

import "time"

// Every bound of a value that a client may send, with its derivation. Bounds of bodies and batches are in package
// httpapi, those of one engine (queues, caches, series) in its own.
const (
	// IdentifierBytesMax bounds ids, tenants, users, sources and feature types. 128 bytes hold a
	// UUID, an e-mail address, or an "auth0|..." subject several times over.
	IdentifierBytesMax = 128

	// SlugBytesMax bounds the names that an operator gives to meters, plans and quotas: they are
	// path segments and metric labels, so they stay short enough to read.
	SlugBytesMax = 64

	// NameBytesMax and UnitBytesMax bound the words for people beside a slug: one line of a table.
	NameBytesMax = 256
	UnitBytesMax = 64

	// MetadataBytesMax bounds the JSON text of an event's metadata. Ten times what the usual
	// request log line needs; a block of 4,096 events with twice the usual 100 bytes stays far
	// below its 4 MiB of decoded size.
	MetadataBytesMax = 4096

	// MetadataKeysMax bounds the members of all objects in metadata together, so that duplicate
	// keys are found by comparing each with each (64 * 63 / 2 hashes are about a microsecond).
	MetadataKeysMax = 64

	// MetadataDepthMax bounds nesting; the metadata object itself is depth 1. It is also the
	// longest property path behind "metadata.".
	MetadataDepthMax = 4

	// DimensionsMax bounds the dimensions of a meter: a row of usage is kept for every combination.
	DimensionsMax = 8

	// FilterDepthMax and FilterNodesMax bound the tree of a meter's filters, FilterValuesMax
	// the list of an "in" or "nin": a filter is walked for every event of its type.
	FilterDepthMax  = 4
	FilterNodesMax  = 64
	FilterValuesMax = 256

	// FilterTextBytesMax bounds a text that a filter compares with.
	FilterTextBytesMax = 256

	// ScaleMax is the greatest number of decimals a meter keeps: nano-units, which leave nine
	// digits before the point of an int64.
	ScaleMax = 9

	// ScaleDefault is the scale of a meter that names none and does not count things.
	ScaleDefault = 3

	// DecimalScaleMax is the greatest number of decimals a [Decimal] holds: 10^18 is the greatest
	// power of ten in an int64.
	DecimalScaleMax = 18

	// DurationMax bounds durations in configuration: a hundred years is forever, and any sum of two
	// stays far below the 292 years a time.Duration can hold.
	DurationMax = 36_525 * 24 * time.Hour

	// RawKeepMin is the shortest time that events are kept: they may come 35 d late, ids are compared for 36 d, and both
	// are checked against what is kept.
	RawKeepMin = 36 * 24 * time.Hour

	// MinuteKeepMin is the shortest time that buckets of a minute are kept. Expiry goes by whole days.
	MinuteKeepMin = 24 * time.Hour

	// MinuteKeepDefault and QuarterHourKeepDefault: two weeks to look at a peak, and any year in any time zone.
	MinuteKeepDefault      = 14 * 24 * time.Hour
	QuarterHourKeepDefault = 400 * 24 * time.Hour

	// PlanQuotasMax bounds the quotas of a plan: each one on the meter of an event is judged for it.
	PlanQuotasMax = 64

	// RequestItemsMax bounds the items of one consume: they are judged and counted as one.
	RequestItemsMax = 64

	// TenantMetadataBytesMax bounds the JSON text that an operator keeps with a tenant.
	TenantMetadataBytesMax = 4096

	// ReasonBytesMax bounds why somebody corrected a number: a sentence or two.
	ReasonBytesMax = 512

	// HoldTTLDefaultSeconds and HoldTTLMaxSeconds are how long a reservation or lease may stay open: five minutes when
	// nothing is said, a day at most, because units that nobody uses are missing to everybody else.
	HoldTTLDefaultSeconds = 300
	HoldTTLMaxSeconds     = 86_400

	// ThresholdsMax bounds the warning thresholds of a quota: which have fired is a set of 16 bits.
	ThresholdsMax       = 16
	ThresholdPercentMax = 1000

	// RatioMax and RatioDecimalsMax bound warn_at and throttle_at: beyond the limit neither is ever asked, so 80 instead of
	// 0.8 is a mistake. A ratio times a limit stays within 128 bits.
	RatioMax         = 1
	RatioDecimalsMax = 9

	// RatePerMax bounds the period of a rate: a bucket that is refilled more slowly than a month is better called a period.
	RatePerMax = 31 * 24 * time.Hour

	// PeriodLengthMax bounds sliding and first_use periods: ten years.
	PeriodLengthMax = 3653 * 24 * time.Hour

	// OverrideBytesMax bounds the fields of an override, as JSON text: every field of a quota, with long numbers, is below 1 KiB.
	OverrideBytesMax = 4096

	// URLBytesMax bounds addresses: what browsers and proxies agree to carry.
	URLBytesMax = 2048

	// YearMin and YearMax bound the times of configuration (anchors, effective dates): the years of the zone tables, in
	// which unix nanoseconds fit an int64.
	YearMin = 1970
	YearMax = 2100

	// maxDelayDefault is how long a throttled call may be told to wait when the quota does not say.
	maxDelayDefault = Duration(time.Second)

	// KeyIDBytesMax bounds the name of a key; ours have 12 bytes.
	KeyIDBytesMax = 32

	// KeyTenantsMax bounds the tenants of a key: with 128 bytes each they fill half an entry of the log.
	KeyTenantsMax = 256

	// KeyOverlapDefaultSeconds and KeyOverlapMaxSeconds are how long the old secret of a rotated key goes on working: a day
	// is time for a deployment; after a month it was forgotten.
	KeyOverlapDefaultSeconds = 86_400
	KeyOverlapMaxSeconds     = 30 * 86_400

	// quotedBytesMax is how much of a wrong value an error repeats: enough to find it by.
	quotedBytesMax = 48

	// suggestBytesMax is the longest word Nearest looks at; its three rows of the distance table
	// stay on the stack.
	suggestBytesMax = 128
)
