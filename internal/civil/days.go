package civil

// secondsPerDay is the length of a day of unix time: it has no leap seconds.
const secondsPerDay = 86400

// DaysFromCivil returns the number of days from 1970-01-01 to a date of the proleptic Gregorian
// calendar, negative before it. month is 1 to 12; day 1 to 31.
//
// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil
// (https://howardhinnant.github.io/date_algorithms.html). A year begins in March there, so that the
// leap day is its last; an era is 400 years. Exact while the year fits in 50 bits.
func DaysFromCivil(year int64, month, day int) int64 {
	if month <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := int64((153*((month+9)%12)+2)/5 + day - 1)
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	return era*146097 + dayOfEra - 719468
}

// CivilFromDays is the inverse of [DaysFromCivil] (civil_from_days of the same source).
func CivilFromDays(days int64) (year int64, month, day int) {
	days += 719468
	era := floorDiv(days, 146097)
	dayOfEra := days - era*146097
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	shifted := (5*dayOfYear + 2) / 153 // 0 is March
	day = int(dayOfYear-(153*shifted+2)/5) + 1
	month = int(shifted) + 3
	if month > 12 {
		month -= 12
	}
	year = yearOfEra + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}

// MonthUTC returns the bounds [start, end), in unix seconds, of the UTC month that contains
// unixSec. It is integer arithmetic only, for code that must give the same result on every machine.
func MonthUTC(unixSec int64) (start, end int64) {
	year, month, _ := CivilFromDays(floorDiv(unixSec, secondsPerDay))
	m := year*12 + int64(month-1)
	return monthDays(m) * secondsPerDay, monthDays(m+1) * secondsPerDay
}

// monthDays returns the first day of a month that is numbered year*12 + month-1.
func monthDays(m int64) int64 {
	year := floorDiv(m, 12)
	return DaysFromCivil(year, int(m-year*12)+1, 1)
}

// floorDiv divides rounding towards minus infinity. b is positive.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
