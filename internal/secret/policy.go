package secret

import "errors"

// ErrPolicy is returned by Policy for a secret that does not fit. Its text says what fits, not what was presented.
var ErrPolicy = errors.New("a partner secret has 12 to 255 characters of letters, digits and ! @ # $ % & * _ - +, " +
	"with at least one letter and one digit")

// Bounds of a partner secret, in characters, which are all single bytes.
const (
	MinPartnerSecret = 12
	MaxPartnerSecret = 255
)

// Policy returns ErrPolicy unless newSecret may become a partner secret (vendor code 24437; spec: Modify Partner Secret).
// It looks at every byte whatever it finds, so that its time tells nothing but the length.
func Policy(newSecret []byte) error {
	letter, digit, other := false, false, false
	for _, c := range newSecret {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			letter = true
		case c >= '0' && c <= '9':
			digit = true
		default:
			other = other || !isPunctuation(c)
		}
	}
	if len(newSecret) < MinPartnerSecret || len(newSecret) > MaxPartnerSecret || !letter || !digit || other {
		return ErrPolicy
	}
	return nil
}

func isPunctuation(c byte) bool {
	switch c {
	case '!', '@', '#', '$', '%', '&', '*', '_', '-', '+':
		return true
	}
	return false
}
