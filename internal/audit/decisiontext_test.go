package audit_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"countersign.dev/internal/audit"
)

// TestTheTimeIsThatOfTheLayout: spelt out by hand, for it is part of every line, it is what the standard library makes of the layout.
func TestTheTimeIsThatOfTheLayout(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	times := []time.Time{{}, time.Unix(0, 0), time.Unix(0, 999_999_999), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(0, 2, 29, 1, 2, 3, 4000, time.UTC), time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("behind", -7200))}
	for range 20_000 {
		times = append(times, time.Unix(random.Int64N(1<<38)-1<<36, random.Int64N(1e9)).In(time.FixedZone("any", random.IntN(86400)-43200)))
	}
	for _, at := range times {
		if got, want := string(audit.AppendTime(nil, at)), at.UTC().Format("2006-01-02T15:04:05.000000Z"); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
}

// inLine is a text as a line has it, byte by byte and rune by rune.
func inLine(value string) string {
	mark := ""
	if len(value) > 512 {
		value, mark = value[:512], "...[cut]"
	}
	var b strings.Builder
	for len(value) > 0 {
		r, size := utf8.DecodeRuneInString(value)
		switch {
		case r == '"' || r == '\\':
			fmt.Fprintf(&b, `\%c`, r)
		case r >= ' ' && r < 0x7f && r != '<' && r != '>' && r != '&':
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		value = value[size:]
	}
	return `"` + b.String() + mark + `"`
}

// TestRule34EveryTextIsEscapedAlike: each single byte, each pair with what must be escaped, and random text of all lengths.
func TestRule34EveryTextIsEscapedAlike(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	texts := []string{"plain", strings.Repeat("p", 512), strings.Repeat("p", 513), strings.Repeat("p", 511) + "é", strings.Repeat("é", 300)}
	for c := range 256 {
		texts = append(texts, string([]byte{byte(c)}), string([]byte{'a', byte(c), 'b', '"'}))
	}
	for range 5000 {
		b := make([]byte, random.IntN(600))
		for i := range b {
			b[i] = byte(random.Uint32()) >> random.IntN(2)
		}
		texts = append(texts, string(b)+string(rune(random.IntN(0x110000))))
	}
	for _, value := range texts {
		d := audit.Decision{Path: value}
		if got := string(d.AppendOpen(nil, audit.Form{})); !strings.Contains(got, `,"path":`+inLine(value)+`,`) && value != "" {
			t.Fatalf("%q is written as\n%s", value, got)
		}
	}
}
