package main

import (
	"bytes"
	"io"
	"os"
	"sync"
	"testing"
)

// lockedText gathers what a command writes from several goroutines.
type lockedText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestColourIsForTerminalsOnly: what is piped or redirected is plain, and NO_COLOR makes everything plain.
func TestColourIsForTerminalsOnly(t *testing.T) {
	if got := (&output{colour: true}).tint("-", "gone"); got != "\x1b[31mgone\x1b[0m" {
		t.Errorf("on a terminal: %q", got)
	}
	if got := (&output{}).tint("-", "gone"); got != "gone" {
		t.Errorf("elsewhere: %q", got)
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a device of characters, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, c := range []struct {
		out    io.Writer
		no     string
		colour bool
	}{{null, "", true}, {null, "1", false}, {new(bytes.Buffer), "", false}} {
		t.Setenv("NO_COLOR", c.no)
		o, err := newOutput(c.out, io.Discard, "text")
		if err != nil || o.colour != c.colour {
			t.Errorf("%T with NO_COLOR=%q: colour %v, %v", c.out, c.no, o.colour, err)
		}
	}
}
