package explain

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// words splits a command line as sh does: single and double quotes, $'…', backslashes, line continuations, comments at its
// end. What only a shell can do, such as expanding $NAME or `command`, is an error that says where: guessing would explain
// another request than the one that was sent.
func words(line string) ([]string, error) {
	w := wordReader{text: line}
	for w.i < len(w.text) {
		if err := w.next(); err != nil {
			return nil, err
		}
	}
	w.end()
	return w.words, nil
}

// wordReader is a position in a command line, and the word that is being put together.
type wordReader struct {
	text  string
	i     int
	words []string
	word  strings.Builder
	open  bool // a word has begun, perhaps with nothing in it yet
}

func (w *wordReader) end() {
	if w.open {
		w.words = append(w.words, w.word.String())
	}
	w.word.Reset()
	w.open = false
}

func (w *wordReader) add(s string) {
	w.word.WriteString(s)
	w.open = true
}

// next takes one character, or one quotation.
func (w *wordReader) next() error {
	c := w.text[w.i]
	rest := w.text[w.i:]
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		w.end()
		w.i++
	case strings.HasPrefix(rest, "\\\n"):
		w.i += 2
	case strings.HasPrefix(rest, "\\\r\n"):
		w.i += 3
	case c == '\\':
		if len(rest) < 2 {
			return w.fault("a backslash with nothing behind it")
		}
		w.add(rest[1:2])
		w.i += 2
	case c == '\'':
		return w.single()
	case strings.HasPrefix(rest, "$'"):
		return w.dollar()
	case c == '"':
		return w.double()
	case c == '#' && !w.open:
		if end := strings.IndexByte(rest, '\n'); end >= 0 {
			w.i += end
		} else {
			w.i = len(w.text)
		}
	case c == '$' || c == '`':
		return w.fault("something that only a shell can expand; write its value")
	case strings.IndexByte("|&;<>()", c) >= 0:
		return w.fault("more than one command; give the curl command alone")
	default:
		w.add(rest[:1])
		w.i++
	}
	return nil
}

func (w *wordReader) fault(what string) error {
	return fmt.Errorf("byte %d of the command line: %s", w.i+1, what)
}

func (w *wordReader) single() error {
	end := strings.IndexByte(w.text[w.i+1:], '\'')
	if end < 0 {
		return w.fault("a quotation without an end")
	}
	w.add(w.text[w.i+1 : w.i+1+end])
	w.i += end + 2
	return nil
}

func (w *wordReader) double() error {
	start := w.i
	w.open = true
	for w.i++; w.i < len(w.text); {
		c := w.text[w.i]
		switch {
		case c == '"':
			w.i++
			return nil
		case c == '\\' && w.i+1 < len(w.text) && strings.IndexByte("\\\"$`\n", w.text[w.i+1]) >= 0:
			if w.text[w.i+1] != '\n' {
				w.add(w.text[w.i+1 : w.i+2])
			}
			w.i += 2
		case c == '$' || c == '`':
			return w.fault("something that only a shell can expand; write its value")
		default:
			w.add(w.text[w.i : w.i+1])
			w.i++
		}
	}
	w.i = start
	return w.fault("a quotation without an end")
}

// dollar reads $'…' with the escapes of C, which is how browsers write bodies.
func (w *wordReader) dollar() error {
	start := w.i
	w.open = true
	for w.i += 2; w.i < len(w.text); {
		c := w.text[w.i]
		switch c {
		case '\'':
			w.i++
			return nil
		case '\\':
			text, size, err := escape(w.text[w.i:])
			if err != nil {
				return w.fault(err.Error())
			}
			w.add(text)
			w.i += size
		default:
			w.add(w.text[w.i : w.i+1])
			w.i++
		}
	}
	w.i = start
	return w.fault("a quotation without an end")
}

// escape reads one escape of $'…'.
func escape(s string) (text string, size int, err error) {
	if len(s) < 2 {
		return "", 0, errors.New("a backslash with nothing behind it")
	}
	if plain := strings.IndexByte(`abefnrtv\'"?`, s[1]); plain >= 0 {
		return "\a\b\x1b\f\n\r\t\v\\'\"?"[plain : plain+1], 2, nil
	}
	digits, base, bits := 0, 16, 8
	start := 2
	switch c := s[1]; {
	case c == 'x':
		digits = 2
	case c == 'u':
		digits, bits = 4, 16
	case c == 'U':
		digits, bits = 8, 32
	case c >= '0' && c <= '7':
		start, digits, base = 1, 3, 8
	default:
		return s[:2], 2, nil
	}
	end := start
	for end < len(s) && end < start+digits && strings.IndexByte("0123456789abcdefABCDEF"[:map[int]int{8: 8, 16: 22}[base]], s[end]) >= 0 {
		end++
	}
	n, err := strconv.ParseUint(s[start:end], base, bits)
	if err != nil {
		return "", 0, errors.New("an escape without its digits")
	}
	if bits == 8 {
		return string([]byte{byte(n)}), end, nil
	}
	return string(rune(n)), end, nil
}
