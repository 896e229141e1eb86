package usage

import (
	"encoding/json"
	"time"
)

// Number is a field of configuration that may be absent, null, or a decimal: an absent limit is a mistake, a null one
// means unlimited. The zero value is absent.
type Number struct {
	null  bool
	value Decimal
}

// Null is the number that a client sent as null.
func Null() Number { return Number{null: true} }

// Num returns d as a Number.
func Num(d Decimal) Number { return Number{value: d} }

// IsZero reports whether n is absent; `omitzero` asks for it.
func (n Number) IsZero() bool { return n == Number{} }

// IsNull reports whether n is null.
func (n Number) IsNull() bool { return n.null }

// Decimal returns the number; it is absent when n is null or absent.
func (n Number) Decimal() Decimal { return n.value }

// MarshalJSON writes the number exactly, or null.
func (n Number) MarshalJSON() ([]byte, error) { return n.value.MarshalJSON() }

// UnmarshalJSON reads a number, a string with a number in it, or null.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Null()
		return nil
	}
	n.null = false
	return n.value.UnmarshalJSON(b)
}

// Overage is how far beyond its limit a quota lets usage go: so many units, or without end. The zero value is 0.
type Overage struct {
	Unlimited bool
	Units     Decimal
}

// IsZero reports whether o is absent.
func (o Overage) IsZero() bool { return o == Overage{} }

// MarshalJSON writes "unlimited" or the number.
func (o Overage) MarshalJSON() ([]byte, error) {
	if o.Unlimited {
		return []byte(`"unlimited"`), nil
	}
	if !o.Units.IsSet() {
		return []byte("0"), nil
	}
	return o.Units.MarshalJSON()
}

// UnmarshalJSON reads "unlimited" or a number.
func (o *Overage) UnmarshalJSON(b []byte) error {
	*o = Overage{}
	if string(b) == `"unlimited"` {
		o.Unlimited = true
		return nil
	}
	return o.Units.UnmarshalJSON(b)
}

// Duration is a time.Duration that is written as in configuration: "90s", "1h30m", "35d".
type Duration time.Duration

// String returns the duration in its canonical text: days, hours, minutes, seconds and milliseconds, each once.
func (d Duration) String() string {
	rest := time.Duration(d)
	if rest <= 0 {
		return "0s"
	}
	var out []byte
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if n := rest / u.size; n > 0 {
			out = append(Int(int64(n)).AppendTo(out), u.name...)
			rest -= n * u.size
		}
	}
	return string(out)
}

// MarshalText writes the canonical text.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what [ParseDuration] reads.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := ParseDuration(string(b))
	*d = Duration(v)
	return err
}

var (
	_ json.Marshaler   = Number{}
	_ json.Unmarshaler = (*Number)(nil)
	_ json.Marshaler   = Overage{}
	_ json.Unmarshaler = (*Overage)(nil)
)
