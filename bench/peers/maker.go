//go:build linux

package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"time"
)

// maker makes the requests of one form, each signed anew, without allocating. Not safe for concurrent use; two makers of one site never make the same body.
type maker struct {
	form      *form
	mac       hash.Hash // its key is set once; Reset takes it up again
	head      []byte    // the request line, and the header fields that are always the same
	tail      []byte    // the fields after the signature, and the empty line
	body      []byte
	second    int64 // that stamp stands for
	stamp     []byte
	signature [sha256.Size]byte
}

// serialAt is where the number stands that makes each body unlike the others.
const serialAt, serialSize = len(`{"n":"`), 16

func (f *form) maker() *maker {
	given := f.site.given
	m := &maker{form: f, body: f.body()}
	m.head = fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nUser-Agent: peers\r\n", f.method, f.target)
	switch f.kind {
	case signed:
		if f.spoil == forged {
			given.secret += "x"
		}
		if f.spoil == strangerKey {
			given.keyID = "00000000000000000000000000000000"
		}
		m.mac = hmac.New(sha256.New, []byte(given.secret))
		m.head = fmt.Appendf(m.head, "X-Auth-Token: %s\r\nX-Auth-Timestamp: ", given.keyID)
	case withToken:
		m.head = fmt.Appendf(m.head, "Finicity-App-Key: %s\r\nFinicity-App-Token: %s\r\n", given.appKey, f.token)
	case issuing:
		m.head = fmt.Appendf(m.head, "Finicity-App-Key: %s\r\nContent-Type: application/json\r\n", given.appKey)
	}
	if f.close {
		m.tail = append(m.tail, "Connection: close\r\n"...)
	}
	if f.method != "GET" {
		m.tail = fmt.Appendf(m.tail, "Content-Length: %d\r\n", len(m.body))
	}
	m.tail = append(m.tail, '\r', '\n')
	return m
}

// next appends one request to b.
func (m *maker) next(b []byte) []byte {
	if m.form.size > 0 {
		var serial [serialSize / 2]byte
		binary.BigEndian.PutUint64(serial[:], m.form.site.serial.Add(1))
		hex.Encode(m.body[serialAt:], serial[:])
	}
	b = append(b, m.head...)
	if m.form.kind == signed {
		b = m.sign(b)
	}
	b = append(append(b, m.tail...), m.body...)
	if m.form.spoil == otherBody {
		b[len(b)-m.form.size/2] ^= 1
	}
	return b
}

// sign appends time and signature: HMAC-SHA256 over time, method, target and body (profile finci).
func (m *maker) sign(b []byte) []byte {
	at := time.Now()
	if m.form.spoil == oldTime {
		at = at.Add(-time.Hour)
	}
	if s := at.Unix(); s != m.second {
		m.second, m.stamp = s, append(strconv.AppendInt(m.stamp[:0], s, 10), m.form.method+m.form.target...)
	}
	m.mac.Reset()
	m.mac.Write(m.stamp)
	m.mac.Write(m.body)
	b = append(b, m.stamp[:len(m.stamp)-len(m.form.method)-len(m.form.target)]...)
	b = append(b, "\r\nX-Auth-Signature: "...)
	b = hex.AppendEncode(b, m.mac.Sum(m.signature[:0]))
	return append(b, '\r', '\n')
}
