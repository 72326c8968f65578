package search

import (
	"bytes"
	"testing"
)

// TestPlainEndFindsTheFirst puts every byte at every place of texts up to three times eight bytes long, with another one behind it,
// and holds the fast search against the plain one.
func TestPlainEndFindsTheFirst(t *testing.T) {
	plainly := func(text []byte) int {
		for i, c := range text {
			if c < ' ' || c == '"' || c == '\\' {
				return i
			}
		}
		return len(text)
	}
	for length := range 25 {
		for at := range length {
			for c := range 256 {
				for _, behind := range []byte{'x', '"', '\\', 0, 0x1f, '!', '#', ']', 0x80, 0xff} {
					text := bytes.Repeat([]byte{0xa2}, length)
					text[at] = byte(c)
					if at+1 < length {
						text[at+1] = behind
					}
					if got, want := plainEnd(text), plainly(text); got != want {
						t.Fatalf("%q: %d, want %d", text, got, want)
					}
				}
			}
		}
	}
}
