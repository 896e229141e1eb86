package usage

import "encoding/json"

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

var (
	_ json.Marshaler   = Number{}
	_ json.Unmarshaler = (*Number)(nil)
	_ json.Marshaler   = Overage{}
	_ json.Unmarshaler = (*Overage)(nil)
)
