package aggregation

import (
	"fmt"
	"strconv"
)

// cents is an amount of money in hundredths. It is written as a decimal number with
// exactly two places, from integers, so that no binary fraction ever shows.
type cents int64

// MarshalText writes the number for XML.
func (c cents) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalJSON writes the number for JSON, unquoted.
func (c cents) MarshalJSON() ([]byte, error) { return []byte(c.String()), nil }

// String is the amount, such as -12.05.
func (c cents) String() string {
	sign, size := "", uint64(c)
	if c < 0 {
		sign, size = "-", -size
	}
	return sign + strconv.FormatUint(size/100, 10) + fmt.Sprintf(".%02d", size%100)
}
