package gateway_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// frames is one HTTP/2 connection that sends what it is told to, frame by frame.
type frames struct {
	*http2.Framer
	d       *door
	conn    *tls.Conn
	encoded bytes.Buffer
	encoder *hpack.Encoder
	stream  uint32 // used last
	goAway  bool
}

func (d *door) frames() *frames {
	d.t.Helper()
	c, err := tls.Dial("tcp", d.addr, &tls.Config{RootCAs: d.pool, NextProtos: []string{"h2"}})
	d.must(err)
	d.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	_, err = io.WriteString(c, http2.ClientPreface)
	d.must(err)
	f := &frames{Framer: http2.NewFramer(c, c), d: d, conn: c}
	f.encoder = hpack.NewEncoder(&f.encoded)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.AllowIllegalWrites = true
	d.must(f.WriteSettings())
	return f
}

func (f *frames) block(fields [][2]string) []byte {
	f.encoded.Reset()
	for _, field := range fields {
		f.d.must(f.encoder.WriteField(hpack.HeaderField{Name: strings.ToLower(field[0]), Value: field[1]}))
	}
	return f.encoded.Bytes()
}

// open starts a stream with the head of c; end says that there is no body.
func (f *frames) open(c call, authority string, end bool) uint32 {
	f.d.t.Helper()
	if f.stream++; f.stream%2 == 0 {
		f.stream++
	}
	list := [][2]string{{":method", c.method}, {":scheme", "https"}, {":path", c.target}}
	if authority != "" {
		list = append(list, [2]string{":authority", authority})
	}
	for _, line := range c.fields {
		name, value, _ := strings.Cut(line, ": ")
		list = append(list, [2]string{name, value})
	}
	f.d.must(f.WriteHeaders(http2.HeadersFrameParam{StreamID: f.stream, BlockFragment: f.block(list), EndStream: end, EndHeaders: true}))
	return f.stream
}

// read collects the answer on a stream, until it ends or is reset.
func (f *frames) read(stream uint32) (a answer) {
	f.d.t.Helper()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			f.d.t.Fatalf("no whole answer: %v", err)
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				f.d.must(f.WriteSettingsAck())
			}
		case *http2.GoAwayFrame:
			f.goAway = true
		case *http2.RSTStreamFrame:
			if frame.StreamID == stream {
				a.err = fmt.Errorf("stream was reset: %v", frame.ErrCode)
				return a
			}
		case *http2.MetaHeadersFrame:
			if frame.StreamID == stream {
				a.take(frame)
			}
		case *http2.DataFrame:
			if frame.StreamID == stream {
				a.body += string(frame.Data())
			}
		}
		if h := frame.Header(); h.StreamID == stream && (h.Type == http2.FrameHeaders || h.Type == http2.FrameData) && h.Flags.Has(http2.FlagHeadersEndStream) {
			return a
		}
	}
}

func (a *answer) take(frame *http2.MetaHeadersFrame) {
	a.header = http.Header{}
	a.status, _ = strconv.Atoi(frame.PseudoValue("status"))
	if a.status == 100 {
		a.raw += "100 "
	}
	for _, field := range frame.RegularFields() {
		a.header.Add(field.Name, field.Value)
	}
}

// do makes one call over HTTP/2.
func (f *frames) do(c call) answer {
	f.d.t.Helper()
	return f.doPieces(c, 16<<10)
}

// doPieces sends the body in DATA frames of at most size bytes. It keeps no account of windows: up to 64 KiB fit.
func (f *frames) doPieces(c call, size int) answer {
	f.d.t.Helper()
	stream := f.open(c, "api.example.com", c.body == "")
	for body := c.body; body != ""; {
		n := min(size, len(body))
		f.d.must(f.WriteData(stream, n == len(body), []byte(body[:n])))
		body = body[n:]
	}
	return f.read(stream)
}

// sendFrames makes one call over a connection of HTTP/2 of its own.
func sendFrames(d *door, c call) answer {
	f := d.frames()
	defer f.conn.Close()
	return f.do(c)
}
