package tokens

import (
	"bytes"
	"net/http"

	"countersign.dev/internal/access"
	"countersign.dev/internal/secret"
)

// parameter is one of the names that the token endpoint knows.
type parameter int

const (
	partnerID parameter = iota
	partnerSecret
	newPartnerSecret
	immediate
	parameters // how many there are
)

// Of these a POST reads the first two and tolerates the rest as it does any other name.
const (
	knownToPost = newPartnerSecret
	knownToPut  = parameters
)

var parameterNames = [parameters]string{"partnerId", "partnerSecret", "newPartnerSecret", "immediate"}

func (p parameter) String() string { return parameterNames[p] }

// find is the parameter called name, if it is one of the first known. Names are compared byte for byte.
func find(name []byte, known parameter) (parameter, bool) {
	for p := range known {
		if string(name) == parameterNames[p] {
			return p, true
		}
	}
	return 0, false
}

// form is what a body says, the same for JSON and XML. A nil value is absent (in JSON also null). The slices point into the
// body and are wiped with it.
type form [parameters][]byte

// firstMissing is the first of the parameters that must be there and is absent or blank.
func (f form) firstMissing(method string) (parameter, bool) {
	last := partnerSecret
	if method == http.MethodPut {
		last = newPartnerSecret
	}
	for p := partnerID; p <= last; p++ {
		if len(bytes.TrimSpace(f[p])) == 0 {
			return p, true
		}
	}
	return 0, false
}

// immediate is whether the old secret ends now; true where nothing is said. It is false and not ok where the value is
// neither true nor false. XML spells both in two ways (XML Schema, boolean); of JSON only its own literals get this far.
func (f form) immediate() (now, ok bool) {
	switch {
	case f[immediate] == nil || string(f[immediate]) == "true" || string(f[immediate]) == "1":
		return true, true
	case string(f[immediate]) == "false" || string(f[immediate]) == "0":
		return false, true
	}
	return false, false
}

// fault is why a body is refused: detail is one of a closed list of sentences, where one of our own names or empty.
type fault struct{ where, detail string }

// read takes the form out of a call and applies all that can be said of it without anything stored.
func read(method string, contentType []string, body []byte) (form, verdict) {
	switch {
	case method != http.MethodPost && method != http.MethodPut:
		return form{}, verdict{reason: access.MethodNotAllowed}
	case len(body) > MaxBody:
		return form{}, verdict{reason: access.BodyTooLarge}
	case len(contentType) > 1:
		return form{}, verdict{reason: access.DuplicateHeader, where: "Content-Type"}
	}
	known := knownToPost
	if method == http.MethodPut {
		known = knownToPut
	}
	f, bad := parse(body, known)
	if bad != nil {
		return form{}, verdict{reason: access.MalformedBody, where: bad.where, detail: bad.detail}
	}
	return f, f.judge(method)
}

// judge finds missing parameters and a new secret that is not as the policy asks.
func (f form) judge(method string) verdict {
	if p, missing := f.firstMissing(method); missing {
		return verdict{reason: access.MissingParameter, where: p.String()}
	}
	if method != http.MethodPut {
		return allowed
	}
	if _, ok := f.immediate(); !ok {
		return verdict{reason: access.MalformedBody, where: immediate.String(), detail: "immediate is neither true nor false"}
	}
	if secret.Policy(f[newPartnerSecret]) != nil {
		return verdict{reason: access.SecretPolicy, where: newPartnerSecret.String()}
	}
	return allowed
}

// parse reads body as what its first byte looks like, whatever its media type says (spec: Bodies and lengths). A body of
// nothing has no parameters. White space around a value is the formatter's and not the value's: no parameter has any.
func parse(body []byte, known parameter) (f form, bad *fault) {
	switch {
	case len(bytes.Trim(body, whiteSpace)) == 0:
		return form{}, nil
	case looksLikeXML(body):
		f, bad = parseXML(body, known)
	default:
		f, bad = parseJSON(bytes.TrimPrefix(body, byteOrderMark), known)
	}
	for p := range f {
		if trimmed := bytes.Trim(f[p], whiteSpace); trimmed != nil {
			f[p] = trimmed
		} else if f[p] != nil {
			f[p] = f[p][:0] // blank, which is not absent
		}
	}
	return f, bad
}

// whiteSpace is what JSON and XML both count as such.
const whiteSpace = " \t\r\n"

func looksLikeXML(body []byte) bool {
	text := bytes.TrimLeft(bytes.TrimPrefix(body, byteOrderMark), whiteSpace)
	return len(text) > 0 && text[0] == '<'
}

var byteOrderMark = []byte("\xef\xbb\xbf")
