//go:build linux

package main

import (
	"fmt"
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

// form says what the requests of one workload look like; makers make them.
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

// body is the body of every request, but for its number.
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
	copy(body, `{"n":"`)
	copy(body[serialAt+serialSize:], `","text":"`)
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
