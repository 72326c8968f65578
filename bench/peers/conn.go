//go:build linux

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// conn is one connection of a caller. It understands as much of HTTP/1.1 as the peers' answers need.
type conn struct {
	tls    *tls.Conn
	reader *bufio.Reader
}

// dial opens a connection over TLS; from is the caller's own address, nil for any.
func dial(address string, trust *tls.Config, from net.Addr) (*conn, error) {
	d := &net.Dialer{Timeout: 10 * time.Second, LocalAddr: from}
	c, err := tls.DialWithDialer(d, "tcp", address, trust)
	if err != nil {
		return nil, err
	}
	return &conn{tls: c, reader: bufio.NewReaderSize(c, 8<<10)}, nil
}

func (c *conn) close() { _ = c.tls.Close() }

// do sends one request and reads the answer to its end.
func (c *conn) do(request []byte) (status int, err error) {
	if err := c.tls.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return 0, err
	}
	if _, err := c.tls.Write(request); err != nil {
		return 0, err
	}
	return c.answer(nil)
}

// answer reads an answer; into gets its body where it is not nil.
func (c *conn) answer(into *bytes.Buffer) (status int, err error) {
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 13 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, fmt.Errorf("answered %q", line)
	}
	status = int(line[9]-'0')*100 + int(line[10]-'0')*10 + int(line[11]-'0')
	length, chunked := int64(0), false
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = number(value); err != nil {
				return 0, err
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = true
		}
	}
	if into == nil {
		into = new(bytes.Buffer)
	}
	if chunked { // no peer does this with these answers; read it all the same
		_, err = io.Copy(into, http.MaxBytesReader(nil, io.NopCloser(chunks(c.reader)), 1<<20))
		return status, err
	}
	_, err = io.CopyN(into, c.reader, length)
	return status, err
}

func number(text []byte) (n int64, err error) {
	for _, c := range text {
		if c < '0' || c > '9' || n > 1<<40 {
			return 0, fmt.Errorf("a length of %q", text)
		}
		n = n*10 + int64(c-'0')
	}
	return n, nil
}

// chunks is the body of a chunked answer, with its end taken off the connection.
func chunks(r *bufio.Reader) io.Reader {
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(readChunks(r, pw)) }()
	return pr
}

func readChunks(r *bufio.Reader, w io.Writer) error {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		var n int64
		if _, err := fmt.Sscanf(string(line), "%x", &n); err != nil {
			return err
		}
		if n > 0 {
			if _, err := io.CopyN(w, r, n); err != nil {
				return err
			}
		}
		if line, err = r.ReadSlice('\n'); err != nil || len(bytes.TrimRight(line, "\r\n")) > 0 {
			return errors.Join(err, errors.New("a chunk without its end"))
		}
		if n == 0 {
			return nil
		}
	}
}
