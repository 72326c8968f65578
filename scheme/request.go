package scheme

import "time"

// Request is one HTTP request as it is on the wire. The zero value has no method and no target. It is only read here, so that one Request may be used
// by several goroutines as long as nobody writes to it.
type Request struct {
	// Method is the method of the request line, upper-case letters.
	Method string
	// Target is the request target exactly as sent: path, and query after the first "?". It is never decoded or encoded again.
	Target string
	// Scheme is "http" or "https" and Host the host (with port, if any) of the public URL. They are read only by profiles that name scheme, host or url.
	Scheme, Host string
	// Header has canonical MIME keys, as http.Header has. Nil means no header.
	Header map[string][]string
	// Body is the whole body. Nil and empty mean the same: no body.
	Body []byte
	// Vars are the values of the variables that the caller supplies, to sign and to verify. Nil where the profile declares none.
	Vars map[string]string
}

// Claims is what a signer says about a request beside the request itself.
type Claims struct {
	// KeyID names the key to the verifier. Required where the wire has {key_id}.
	KeyID string
	// Time is the moment of signing. Required where the profile has a time; finer parts than the format can show are cut off.
	Time time.Time
	// Nonce is fresh for each request. Required where the wire has {nonce}; this package makes no random values.
	Nonce string
	// TimeText is the time as it is to be written, instead of Time: for a caller that needs a certain zone or precision. It must have the profile's form.
	TimeText string
}

// Field is a value to set on the request that is being signed: a header, unless In says otherwise. Apply sets them.
type Field struct {
	Name, Value string
	In          Place
}

// Presented is what a request says about its signature: the values captured from the headers, checked for form and nothing else. The zero value is valid
// as the argument of Parse and fails every Verify. Reuse it freely: Parse overwrites all of it. Its strings share memory with the headers. Not
// for concurrent writing.
type Presented struct {
	// KeyID is the presented key id; empty where the scheme's wire has none.
	KeyID string
	// Nonce is the presented nonce; empty where the scheme has none.
	Nonce string
	// TimeText is the timestamp as it stands on the wire: the very text that is signed (security rule 1).
	TimeText string
	// Unix is that time in whole seconds since 1970, rounded down; 0 where the scheme has no time.
	Unix int64

	nano   int64 // what Unix leaves out
	owner  *Scheme
	mac    [maxMAC]byte
	size   int  // bytes of mac; 0 when none was captured
	digits bool // TimeText was made by Present and is a number of digits

	// What follows is used by language 2 only.
	more      []byte        // further MACs, each of size bytes
	vars      []string      // by the index of the variable
	chosen    time.Duration // the window that the sender chose
	hasChosen bool
	hasBody   bool     // what stands in the body has been read
	work      *Request // the request with what Present put on the wire; nil after Parse
}

// Signatures says how many signatures were presented: at least 1 after Parse succeeded, unless they stand in the body, otherwise 0.
func (p *Presented) Signatures() int {
	if p.size == 0 {
		return 0
	}
	return 1 + len(p.more)/p.size
}

// Var is the value of a variable that stands on the wire or was found in the request; empty if there is none of that name, or before Parse.
func (p *Presented) Var(name string) string {
	if p.owner != nil {
		for i := range p.owner.vars {
			if p.owner.vars[i].name == name && i < len(p.vars) {
				return p.vars[i]
			}
		}
	}
	return ""
}
