package access

import (
	"net/textproto"
	"strings"
	"time"
	"unsafe"

	"countersign.dev/scheme"
)

// With a million credentials none of what a decision looks up is in a cache, and each look-up leads to the next: a slot, its row, the
// partner. So the memory of each is asked for a check or two before it is needed. Nothing is decided by what is fetched: a request
// whose key id stands elsewhere, or twice, only waits a little longer later on.

// early is what a request has asked for before anything was decided.
type early struct {
	snap *snapshot
	in   *index // of snap, where the API's credentials stand; nil: nothing was asked for
	due  bool   // its row has not been asked for yet
	id   keyID
	text string // that id is read from, if it has the form of one; empty: nothing has been read
}

// parse is parseKeyID, which is not done twice.
func (e *early) parse(text string) (keyID, bool) {
	if text == e.text && text != "" {
		return e.id, true
	}
	return parseKeyID(text)
}

// ahead asks for the slot of the key id that r seems to name.
func (a *Decider) ahead(r *Request, d *Decision) {
	e := &r.early
	e.in, e.due, e.text = nil, false, ""
	if d.API == nil {
		return
	}
	values := r.Header[d.API.keyHeader]
	if len(values) != 1 {
		return
	}
	id, ok := parseKeyID(values[0])
	if !ok {
		return
	}
	e.id, e.text = id, values[0]
	snap := a.snap.Load()
	if snap == nil {
		return
	}
	if e.in = snap.index(d.API); e.in != nil {
		e.snap, e.due = snap, true
		fetch(unsafe.Pointer(&e.in.slots[e.in.home(id)]))
	}
}

// next asks for the row that the slot names.
func (e *early) next() {
	if !e.due {
		return
	}
	e.due = false
	if n := *e.in.slot(e.id, true); n != 0 {
		e.in.row(e.in.position(n)).fetch()
	}
}

// fetch asks for the lines of r that a decision reads.
func (r *row) fetch() {
	fetch(unsafe.Pointer(r))
	fetch(unsafe.Add(unsafe.Pointer(r), keyLine))
}

// fetch asks for both lines of p.
func (p *Partner) fetch() {
	fetch(unsafe.Pointer(p))
	fetch(unsafe.Pointer(&p.more))
}

// findKeyHeader is the header whose whole value is the key id; empty: there is none, as where it is a part of one. A profile does not
// tell, so one request is signed to see.
func (a *API) findKeyHeader() string {
	if a.Protocol == Token {
		return AppKeyHeader
	}
	sample := strings.Repeat("0123456789abcdef", 4)
	key, err := a.Scheme.NewKey([]byte(sample))
	if err != nil {
		return ""
	}
	r := scheme.Request{Method: "GET", Target: a.BasePaths[0], Scheme: "https", Host: "localhost"}
	fields, err := a.Scheme.Sign(&key, &r, scheme.Claims{KeyID: sample[:32], Nonce: sample[:32], Time: time.Unix(1_000_000_000, 0)})
	if err != nil {
		return ""
	}
	for _, f := range fields {
		if f.In == scheme.InHeader && f.Value == sample[:32] {
			return textproto.CanonicalMIMEHeaderKey(f.Name)
		}
	}
	return ""
}
