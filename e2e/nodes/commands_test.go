package nodes_test

import (
	"bufio"
	"errors"
	"io"
	"maps"
	"strconv"
	"strings"
	"sync"
)

// commands counts what nodes ask a Redis server, by the command and its first argument: of a script that is its digest. nil counts nothing.
type commands struct {
	mu    sync.Mutex
	asked map[string]int
}

func newCommands() *commands { return &commands{asked: map[string]int{}} }

// begin is for one connection: what is written is what the node says there. end ends it.
func (c *commands) begin() (heard io.Writer, end func()) {
	if c == nil {
		return io.Discard, func() {}
	}
	out, in := io.Pipe()
	go func() {
		from := bufio.NewReader(out)
		for {
			words, err := command(from)
			if err != nil {
				_, _ = io.Copy(io.Discard, from) // what is left is of no interest; the connection goes on
				return
			}
			c.mu.Lock()
			c.asked[strings.Join(words[:min(2, len(words))], " ")]++
			c.mu.Unlock()
		}
	}()
	return in, func() { _ = in.Close() }
}

// command reads one: an array of bulk strings (RESP, "Sending commands to a Redis server").
func command(from *bufio.Reader) (words []string, err error) {
	n, err := length(from, '*')
	for range n {
		size, err := length(from, '$')
		if err != nil {
			return nil, err
		}
		word := make([]byte, size+2)
		if _, err := io.ReadFull(from, word); err != nil {
			return nil, err
		}
		words = append(words, string(word[:size]))
	}
	return words, err
}

func length(from *bufio.Reader, kind byte) (int, error) {
	line, err := from.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, errors.New("no command")
	}
	n, err := strconv.Atoi(strings.TrimSpace(line[1:]))
	if err == nil && (n < 0 || n > 1<<20) {
		err = errors.New("no command")
	}
	return n, err
}

// so is what was asked until now.
func (c *commands) so() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.asked)
}
