package usage

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func mustDecimal(t testing.TB, s string) Decimal {
	t.Helper()
	d, err := ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestParseDecimal(t *testing.T) {
	for _, c := range []struct {
		text string
		want string // "" with a code
		code ErrorCode
	}{
		{"0", "0", ""},
		{"-0", "0", ""},
		{"0.000", "0", ""},
		{"0e400", "0", ""},
		{"-0.0e-999999999", "0", ""},
		{"12", "12", ""},
		{"1.50", "1.5", ""},
		{"1e3", "1000", ""},
		{"1E+3", "1000", ""},
		{"15e-1", "1.5", ""},
		{"1000000e-6", "1", ""},
		{"-0.001", "-0.001", ""},
		{"100.00100", "100.001", ""},
		{"0.000000000000000001", "0.000000000000000001", ""},
		{"9223372036854775807", "9223372036854775807", ""},
		{"-9223372036854775808", "-9223372036854775808", ""},
		{"9223372036854775807000e-3", "9223372036854775807", ""},
		{"9.223372036854775807", "9.223372036854775807", ""},
		{"1" + strings.Repeat("0", 400) + "e-400", "1", ""},
		{"0." + strings.Repeat("0", 400) + "1e401", "1", ""},
		{"0.10000000000000000000000", "0.1", ""},
		{"9223372036854775808", "", CodeOverflow},
		{"-9223372036854775809", "", CodeOverflow},
		{"10000000000000000000", "", CodeOverflow},
		{"100000000000000000000", "", CodeOverflow},
		{"1e19", "", CodeOverflow},
		{"1e400", "", CodeOverflow},
		{"-1e999999999", "", CodeOverflow},
		{"1e99999999999999999999999999", "", CodeOverflow},
		{"922337203685477580.8", "", CodeOverflow},
		{"9999999999999999999.5", "", CodeOverflow},
		{"1e-400", "", CodeTooManyDecimals},
		{"1e-99999999999999999999999999", "", CodeTooManyDecimals},
		{"0.0000000000000000001", "", CodeTooManyDecimals},
		{"0.1234567890123456789", "", CodeTooManyDecimals},
		{"100.123456789012345678", "", CodeTooManyDecimals},
		{"9.999999999999999999", "", CodeTooManyDecimals},
		{"", "", CodeInvalidValue},
		{"-", "", CodeInvalidValue},
		{"+1", "", CodeInvalidValue},
		{" 1", "", CodeInvalidValue},
		{"1 ", "", CodeInvalidValue},
		{"01", "", CodeInvalidValue},
		{"-01", "", CodeInvalidValue},
		{"00", "", CodeInvalidValue},
		{".5", "", CodeInvalidValue},
		{"5.", "", CodeInvalidValue},
		{"5.e3", "", CodeInvalidValue},
		{"1e", "", CodeInvalidValue},
		{"1e+", "", CodeInvalidValue},
		{"1e5.5", "", CodeInvalidValue},
		{"1.5.5", "", CodeInvalidValue},
		{"1_000", "", CodeInvalidValue},
		{"1,5", "", CodeInvalidValue},
		{"0x10", "", CodeInvalidValue},
		{"NaN", "", CodeInvalidValue},
		{"Infinity", "", CodeInvalidValue},
		{"null", "", CodeInvalidValue},
		{"१", "", CodeInvalidValue},
	} {
		d, err := ParseDecimal(c.text)
		if d.String() != c.want || Code(err) != c.code {
			t.Errorf("%q: %s, %v; want %s, %s", c.text, d, err, c.want, c.code)
		}
		b, bytesErr := ParseDecimalBytes([]byte(c.text))
		if b != d || Code(bytesErr) != c.code {
			t.Errorf("%q as bytes: %s, %v", c.text, b, bytesErr)
		}
		if err != nil && (err.Error() == "" || len(err.Error()) > 300) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

// rational is the oracle: an exact number without bounds.
func rational(d Decimal) *big.Rat {
	coef, scale := d.Parts()
	return new(big.Rat).SetFrac(big.NewInt(coef), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil))
}

// checkNormal fails unless d is in its one form.
func checkNormal(t interface{ Fatalf(string, ...any) }, d Decimal) {
	coef, scale := d.Parts()
	if !d.IsSet() || scale > DecimalScaleMax || scale > 0 && coef%10 == 0 {
		t.Fatalf("%#v is not normal", d)
	}
}

func anyDecimal() *rapid.Generator[Decimal] {
	return rapid.Custom(func(t *rapid.T) Decimal {
		units := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-1000, 1000),
			rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, math.MinInt64 + 1, 1e18, -1e18, 922337203685477581})).Draw(t, "units")
		return FromUnits(units, rapid.IntRange(0, DecimalScaleMax).Draw(t, "scale"))
	})
}

func TestDecimalText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDecimal().Draw(t, "d")
		checkNormal(t, d)
		again, err := ParseDecimal(d.String())
		if err != nil || again != d {
			t.Fatalf("%#v is written %s and read %#v, %v", d, d, again, err)
		}
		want, ok := new(big.Rat).SetString(d.String())
		if !ok || want.Cmp(rational(d)) != 0 {
			t.Fatalf("%s is not %#v", d, d)
		}
	})
}

func TestDecimalCmp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyDecimal().Draw(t, "a"), anyDecimal().Draw(t, "b")
		want := rational(a).Cmp(rational(b))
		if a.Cmp(b) != want || b.Cmp(a) != -want || (a == b) != (want == 0) {
			t.Fatalf("%s and %s: %d, want %d", a, b, a.Cmp(b), want)
		}
		if a.Sign() != rational(a).Sign() {
			t.Fatalf("sign of %s: %d", a, a.Sign())
		}
		if (Decimal{}).Cmp(a) != -1 || a.Cmp(Decimal{}) != 1 {
			t.Fatalf("absent is not below %s", a)
		}
	})
}

func TestDecimalAdd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyDecimal().Draw(t, "a"), anyDecimal().Draw(t, "b")
		exact := new(big.Rat).Add(rational(a), rational(b))
		got, err := a.Add(b)
		if err != nil {
			// The exact sum must have no form: 18 decimals always suffice, so it is the coefficient.
			text := strings.TrimRight(exact.FloatString(DecimalScaleMax), "0")
			digits := new(big.Int)
			digits.SetString(strings.Replace(text, ".", "", 1), 10)
			if Code(err) != CodeOverflow || digits.IsInt64() {
				t.Fatalf("%s + %s = %s was refused: %v", a, b, text, err)
			}
			return
		}
		checkNormal(t, got)
		if rational(got).Cmp(exact) != 0 {
			t.Fatalf("%s + %s = %s", a, b, got)
		}
	})
	for _, c := range [][3]string{ // where aligned operands pass an int64 and the sum does not
		{"922337203685477580.7", "0.3", "922337203685477581"},
		{"922337203685477581", "-0.9", "922337203685477580.1"},
		{"-9223372036854775808", "9223372036854775807", "-1"},
	} {
		if got, err := mustDecimal(t, c[0]).Add(mustDecimal(t, c[1])); err != nil || got.String() != c[2] {
			t.Errorf("%s + %s = %s, %v", c[0], c[1], got, err)
		}
	}
	one := Int(1)
	if d, err := one.Add(Decimal{}); d != one || err != nil {
		t.Error(d, err)
	}
	if d, err := (Decimal{}).Add(Decimal{}); d.IsSet() || err != nil {
		t.Error(d, err)
	}
}

func TestDecimalUnits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDecimal().Draw(t, "d")
		scale := rapid.IntRange(0, DecimalScaleMax).Draw(t, "scale")
		factor := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil))
		exact := new(big.Rat).Mul(rational(d), factor)
		units, err := d.Units(scale)
		switch {
		case !exact.IsInt():
			if Code(err) != CodeTooManyDecimals {
				t.Fatalf("%s in %d decimals: %d, %v", d, scale, units, err)
			}
		case !exact.Num().IsInt64():
			if Code(err) != CodeOverflow {
				t.Fatalf("%s in %d decimals: %d, %v", d, scale, units, err)
			}
		default:
			if err != nil || units != exact.Num().Int64() || FromUnits(units, scale) != d {
				t.Fatalf("%s in %d decimals: %d, %v", d, scale, units, err)
			}
		}
	})
	if _, err := (Decimal{}).Units(3); Code(err) != CodeMissingField {
		t.Error("absent has units", err)
	}
}

// A fuzzed text is taken exactly when it is a JSON number, and means what big.Rat says.
func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"0", "-1.50", "1e3", "12e-2", "1e400", "1e-400", "9223372036854775808", "", "NaN", "1.", "00.1", "-9223372036854775808e0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDecimal(s)
		valid := json.Valid([]byte(s)) && (s[0] == '-' || s[0]-'0' <= 9) && s[len(s)-1]-'0' <= 9
		if (Code(err) != CodeInvalidValue) != valid {
			t.Fatalf("%q: valid %v, %v", s, valid, err)
		}
		if err != nil {
			return
		}
		checkNormal(t, d)
		if again, err := ParseDecimal(d.String()); err != nil || again != d {
			t.Fatalf("%q: %s, read again %s, %v", s, d, again, err)
		}
		if e := strings.IndexAny(s, "eE"); e < 0 || len(s)-e < 6 {
			if want, ok := new(big.Rat).SetString(s); !ok || want.Cmp(rational(d)) != 0 {
				t.Fatalf("%q: %s, want %v", s, d, want)
			}
		}
	})
}

// Exponents that would make a big-number library allocate gigabytes cost one pass over the text.
func TestParseDecimalIsCheap(t *testing.T) {
	good := [][]byte{[]byte("12"), []byte("1.50"), []byte("-15e-1"), []byte("0e999999999")}
	if n := testing.AllocsPerRun(100, func() {
		for _, b := range good {
			if _, err := ParseDecimalBytes(b); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	bad := []byte("1e999999999" + strings.Repeat("9", 1<<16))
	if n := testing.AllocsPerRun(10, func() {
		if _, err := ParseDecimalBytes(bad); Code(err) != CodeOverflow {
			t.Fatal(err)
		}
	}); n > 10 {
		t.Errorf("%v allocations for a hostile exponent", n)
	}
}

func TestDecimalJSON(t *testing.T) {
	type row struct {
		A Decimal `json:"a"`
		B Decimal `json:"b,omitzero"`
	}
	for text, want := range map[string]string{
		`{"a":1.50,"b":0}`:            `{"a":1.5,"b":0}`,
		`{"a":"9007199254740993"}`:    `{"a":9007199254740993}`,
		`{"a":null,"b":"1e\u0033"}`:   `{"a":null,"b":1000}`,
		`{}`:                          `{"a":null}`,
		`{"a":-0.000001,"b":1000000}`: `{"a":-0.000001,"b":1000000}`,
	} {
		var r row
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := json.Marshal(r); string(got) != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
	for text, code := range map[string]ErrorCode{
		`{"a":""}`: CodeInvalidValue, `{"a":"NaN"}`: CodeInvalidValue, `{"a":true}`: CodeWrongType, `{"a":{}}`: CodeWrongType, `{"a":[1]}`: CodeWrongType, `{"a":"-"}`: CodeInvalidValue,
		`{"a":1e400}`: CodeOverflow, `{"a":"1e-40"}`: CodeTooManyDecimals,
	} {
		var r row
		err := json.Unmarshal([]byte(text), &r)
		var e *Error
		if !errors.As(err, &e) || e.Code != code {
			t.Errorf("%s: %v, want %s", text, err, code)
		}
	}
	m := map[Decimal]int{mustDecimal(t, "1.0"): 1, FromUnits(-25, 1): 2} // by MarshalText
	text, err := json.Marshal(m)
	if err != nil || string(text) != `{"-2.5":2,"1":1}` {
		t.Error(string(text), err)
	}
	back := map[Decimal]int{}
	if err := json.Unmarshal(text, &back); err != nil || !maps.Equal(m, back) {
		t.Error(back, err)
	}
	d := Int(5)
	if err := d.UnmarshalText(nil); err != nil || d.IsSet() {
		t.Error(d, err)
	}
}

func BenchmarkParseDecimal(b *testing.B) {
	for _, s := range []string{"3", "1234.125", "-1.5e3"} {
		b.Run(s, func(b *testing.B) {
			text := []byte(s)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseDecimalBytes(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecimalUnits(b *testing.B) {
	d := FromUnits(1250, 3)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Units(6); err != nil {
			b.Fatal(err)
		}
	}
}
