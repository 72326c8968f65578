//go:build linux

package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// spoiling is what is wrong with a request.
type spoiling string

const (
	honest      spoiling = ""
	forged      spoiling = "signed with another secret"
	strangerKey spoiling = "of an unknown key"
	oldTime     spoiling = "too old"
	otherBody   spoiling = "sent with another body than was signed"
)

// form makes the requests of one workload. Safe for concurrent use.
type form struct {
	site   *site
	method string
	target string
	size   int      // of the body, a JSON object, in bytes; 0: none, else 64 at least
	kind   protocol // how it proves who it is
	spoil  spoiling
	close  bool // ask for the end of the connection
	token  string
}

// protocol is how a request proves who sends it.
type protocol uint8

const (
	signed protocol = iota
	withToken
	issuing
)

// next appends one request to b. Every body is unlike all others, so that no signature comes twice.
func (f *form) next(b []byte) []byte {
	body := f.body()
	b = fmt.Appendf(b, "%s %s HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nUser-Agent: peers\r\n", f.method, f.target)
	switch f.kind {
	case signed:
		b = f.sign(b, body)
	case withToken:
		b = fmt.Appendf(b, "Finicity-App-Key: %s\r\nFinicity-App-Token: %s\r\n", f.site.given.appKey, f.token)
	case issuing:
		b = fmt.Appendf(b, "Finicity-App-Key: %s\r\nContent-Type: application/json\r\n", f.site.given.appKey)
	}
	if f.close {
		b = append(b, "Connection: close\r\n"...)
	}
	if f.method != "GET" {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(body)), 10), '\r', '\n')
	}
	return append(append(b, '\r', '\n'), body...)
}

func (f *form) sign(b, body []byte) []byte {
	given, at := f.site.given, time.Now()
	switch f.spoil {
	case forged:
		given.secret += "x"
	case strangerKey:
		given.keyID = "00000000000000000000000000000000"
	case oldTime:
		at = at.Add(-time.Hour)
	}
	stamp, signature := given.signature(at, f.method, f.target, body)
	if f.spoil == otherBody {
		body[f.size/2] ^= 1
	}
	return fmt.Appendf(b, "X-Auth-Token: %s\r\nX-Auth-Timestamp: %s\r\nX-Auth-Signature: %s\r\n", given.keyID, stamp, signature)
}

func (f *form) body() []byte {
	if f.kind == issuing {
		return fmt.Appendf(nil, `{"partnerId":%q,"partnerSecret":%q}`, f.site.given.login, f.site.given.password)
	}
	if f.size == 0 {
		return nil
	}
	body := make([]byte, f.size)
	for i := range body {
		body[i] = 'a' + byte(i%26)
	}
	var serial [8]byte
	binary.BigEndian.PutUint64(serial[:], f.site.serial.Add(1)^uint64(time.Now().UnixNano())<<20)
	hex.Encode(body[copy(body, `{"n":"`):], serial[:])
	copy(body[6+2*len(serial):], `","text":"`)
	copy(body[f.size-2:], `"}`)
	return body
}

// headers are the authentication headers of one request, for tools that send the same one again and again.
func (f *form) headers() []string {
	if f.kind == withToken {
		return []string{"Finicity-App-Key: " + f.site.given.appKey, "Finicity-App-Token: " + f.token}
	}
	given := f.site.given
	stamp, signature := given.signature(time.Now(), f.method, f.target, nil)
	return []string{"X-Auth-Token: " + given.keyID, "X-Auth-Timestamp: " + stamp, "X-Auth-Signature: " + signature}
}
