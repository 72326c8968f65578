//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
)

// answerReader reads one answer after another from the pieces in which they come. It knows the answers of these peers: HTTP/1.1 with a Content-Length. The zero
// value is at the beginning of an answer.
type answerReader struct {
	head   []byte // as much of it as has come; empty once the body has begun
	status int
	left   int64 // of the body
	inBody bool
}

// maxHead bounds the head of an answer.
const maxHead = 16 << 10

// take takes a piece, and reports whether the answer is whole with it. After an error the connection is of no use.
func (a *answerReader) take(piece []byte) (whole bool, err error) {
	if !a.inBody {
		if len(a.head) > 0 { // rare: it came in two pieces
			a.head = append(a.head, piece...)
			piece = a.head
		}
		end := bytes.Index(piece, []byte("\r\n\r\n"))
		if end < 0 {
			if len(piece) > maxHead {
				return false, errors.New("an answer without end of its head")
			}
			if len(a.head) == 0 {
				a.head = append(a.head, piece...)
			}
			return false, nil
		}
		if a.status, a.left, err = readHead(piece[:end+2]); err != nil {
			return false, err
		}
		a.inBody, a.head = true, a.head[:0]
		piece = piece[end+4:]
	}
	if a.left -= int64(len(piece)); a.left < 0 {
		return false, errors.New("more than the answer")
	}
	a.inBody = a.left > 0
	return !a.inBody, nil
}

var (
	lengthName   = []byte("content-length")
	encodingName = []byte("transfer-encoding")
)

// readHead reads the status line and the length of the body, from a head whose lines all end with CR LF.
func readHead(head []byte) (status int, length int64, err error) {
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	if len(line) < 12 || string(line[:9]) != "HTTP/1.1 " {
		return 0, 0, fmt.Errorf("answered %.100q", line)
	}
	code, err := number(line[9:12])
	if err != nil || code < 200 {
		return 0, 0, fmt.Errorf("answered %.100q", line)
	}
	length = -1
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte{':'})
		switch {
		case len(name) == len(lengthName) && bytes.EqualFold(name, lengthName):
			if length, err = number(bytes.TrimSpace(value)); err != nil {
				return 0, 0, err
			}
		case len(name) == len(encodingName) && bytes.EqualFold(name, encodingName):
			return 0, 0, errors.New("an answer with a transfer encoding, which this caller does not read")
		}
	}
	if length < 0 && code != 204 && code != 304 {
		return 0, 0, errors.New("an answer without a length")
	}
	return int(code), max(length, 0), nil
}
