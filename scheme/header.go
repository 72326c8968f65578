package scheme

// signedHeader is a header whose value is part of the message, in the name space h.
type signedHeader struct {
	name                          string // canonical
	needed                        bool   // a request without it is refused before its body is read
	missing, duplicate, malformed *Fault
}

func newSignedHeader(name string) signedHeader {
	return signedHeader{
		name:      name,
		missing:   &Fault{FaultMissing, name, "is missing"},
		duplicate: &Fault{FaultDuplicate, name, "is given more than once"},
		malformed: &Fault{FaultMalformed, name, "must be 1 to 8192 bytes of visible text, without white space at its ends"},
	}
}

// value is the header's only value, or a fault.
func (h *signedHeader) value(r *Request) (string, *Fault) {
	values := r.Header[h.name]
	if len(values) != 1 {
		if len(values) == 0 {
			return "", h.missing
		}
		return "", h.duplicate
	}
	v := values[0]
	if len(v) == 0 || len(v) > maxHeader || isBlank(v[0]) || isBlank(v[len(v)-1]) || !headerSet.all(v) {
		return "", h.malformed
	}
	return v, nil
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' }

// cut splits a target at its first question mark. The query is without it.
func cut(target string) (path, query string) {
	for i := 0; i < len(target); i++ {
		if target[i] == '?' {
			return target[:i], target[i+1:]
		}
	}
	return target, ""
}

// form is what the message demands of the method, the target and the public URL.
type form struct {
	method, target, host, scheme bool
	caseless                     bool // methods in any letter case
	targetSet                    byteSet
	// noEmptyQuery refuses "/a?", which would share its path and its query with "/a".
	noEmptyQuery bool
	// guardBody demands that a body begins with a byte that no target can hold.
	guardBody bool
}

// The faults of a request's form that need no header's name; shared and read-only.
var (
	faultMethod = &Fault{FaultMalformed, "method", "must be 1 to 32 upper-case letters"}
	faultTarget = &Fault{FaultMalformed, "target", `must begin with "/" and hold only characters that RFC 3986 allows there (percent-encode the others)`}
	faultQuery  = &Fault{FaultMalformed, "target", `ends in "?" without a query`}
	faultScheme = &Fault{FaultMalformed, "scheme", "must be http or https"}
	faultHost   = &Fault{FaultMalformed, "host", "must be a host name or address, with a port if any"}
	faultBody   = &Fault{FaultAmbiguousBody, "body", `begins with a byte that could belong to the target; begin it with "{", "[", a quotation mark or white space`}
	faultForged = &Fault{Kind: FaultMismatch, Detail: "signature does not match"}
)

// check refuses a request line whose form the message does not allow.
func (f *form) check(r *Request) *Fault {
	if f.method && (len(r.Method) == 0 || len(r.Method) > 32 || !upperSet.all(r.Method)) && !(f.caseless && isWord(r.Method)) {
		return faultMethod
	}
	if f.target {
		if len(r.Target) == 0 || r.Target[0] != '/' || !f.targetSet.all(r.Target) {
			return faultTarget
		}
		if f.noEmptyQuery && endsInEmptyQuery(r.Target) {
			return faultQuery
		}
	}
	if f.scheme && r.Scheme != "http" && r.Scheme != "https" {
		return faultScheme
	}
	if f.host && (len(r.Host) == 0 || len(r.Host) > 255 || !hostSet.all(r.Host)) {
		return faultHost
	}
	return nil
}

// isWord says whether a method is 1 to 32 letters.
func isWord(method string) bool {
	letters := upperSet.union(lowerSet)
	return len(method) > 0 && len(method) <= 32 && letters.all(method)
}

func endsInEmptyQuery(target string) bool {
	path, query := cut(target)
	return query == "" && len(path) != len(target)
}

// checkBody refuses a body that could be read as the end of what stands in front of it (spec: Signed requests, "The signature").
func (f *form) checkBody(first byte) *Fault {
	if f.guardBody && strictTarget.has(first) {
		return faultBody
	}
	return nil
}
