package secret

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrHash is wrapped by every error about a stored hash that is not one of ours. It means that the register is damaged,
// never that a secret was wrong.
var ErrHash = errors.New("unreadable password hash")

// Bounds of what ParsePHC accepts, so that a planted hash cannot exhaust memory or time.
const (
	maxMemory  = 256 << 10 // KiB
	maxTime    = 16
	maxThreads = 8
	minSalt    = 8
	maxSalt    = 64
	minDigest  = 16
	maxDigest  = 64
	maxPHC     = 256 // bytes of the whole text
)

// Cost is what one argon2id hash takes. The zero value means the default of each field.
type Cost struct {
	Memory  uint32 // KiB; 0: 19456 (19 MiB); at least 8 for each thread, at most 256 MiB
	Time    uint32 // passes; 0: 2; at most 16
	Threads uint8  // 0: 1; at most 8
}

// withDefaults fills in what OWASP's password storage guide gives as its second choice: 19 MiB, 2 passes, 1 thread.
func (c Cost) withDefaults() Cost {
	if c.Memory == 0 {
		c.Memory = 19 << 10
	}
	if c.Time == 0 {
		c.Time = 2
	}
	if c.Threads == 0 {
		c.Threads = 1
	}
	return c
}

func (c Cost) inBounds() bool {
	return c.Threads >= 1 && c.Threads <= maxThreads && c.Time >= 1 && c.Time <= maxTime &&
		c.Memory >= 8*uint32(c.Threads) && c.Memory <= maxMemory
}

// PHC is one argon2id hash with its cost and salt, in the form "$argon2id$v=19$m=…,t=…,p=…$salt$digest".
type PHC struct {
	Cost   Cost
	Salt   []byte // 8 to 64 bytes
	Digest []byte // 16 to 64 bytes
}

// String is the one text that ParsePHC reads back.
func (p PHC) String() string {
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", p.Cost.Memory, p.Cost.Time, p.Cost.Threads,
		base64.RawStdEncoding.EncodeToString(p.Salt), base64.RawStdEncoding.EncodeToString(p.Digest))
}

// ParsePHC reads what String writes and nothing else: argon2id version 19, costs in bounds, no second spelling of any
// number or byte. Its error wraps ErrHash and holds nothing of the text.
func ParsePHC(text string) (PHC, error) {
	if len(text) > maxPHC {
		return PHC{}, fmt.Errorf("%w: too long", ErrHash)
	}
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v=19" {
		return PHC{}, fmt.Errorf("%w: not argon2id version 19", ErrHash)
	}
	var p PHC
	var err error
	if p.Cost, err = parseCost(parts[3]); err != nil {
		return PHC{}, err
	}
	if p.Salt, err = parseBytes(parts[4], minSalt, maxSalt); err != nil {
		return PHC{}, err
	}
	if p.Digest, err = parseBytes(parts[5], minDigest, maxDigest); err != nil {
		return PHC{}, err
	}
	if p.String() != text {
		return PHC{}, fmt.Errorf("%w: not in its one spelling", ErrHash)
	}
	return p, nil
}

func parseCost(text string) (Cost, error) {
	fields := strings.Split(text, ",")
	if len(fields) != 3 {
		return Cost{}, fmt.Errorf("%w: cost needs m, t and p", ErrHash)
	}
	var numbers [3]uint64
	for i, name := range []string{"m=", "t=", "p="} {
		value, found := strings.CutPrefix(fields[i], name)
		n, err := strconv.ParseUint(value, 10, 32)
		if !found || err != nil {
			return Cost{}, fmt.Errorf("%w: cost needs m, t and p", ErrHash)
		}
		numbers[i] = n
	}
	if numbers[2] > maxThreads {
		return Cost{}, fmt.Errorf("%w: cost out of bounds", ErrHash)
	}
	c := Cost{Memory: uint32(numbers[0]), Time: uint32(numbers[1]), Threads: uint8(numbers[2])}
	if !c.inBounds() {
		return Cost{}, fmt.Errorf("%w: cost out of bounds", ErrHash)
	}
	return c, nil
}

func parseBytes(text string, least, most int) ([]byte, error) {
	b, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < least || len(b) > most {
		return nil, fmt.Errorf("%w: salt or digest", ErrHash)
	}
	return b, nil
}
