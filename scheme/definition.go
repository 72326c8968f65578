package scheme

import "time"

// Bounds on a definition. A profile is untrusted input, so that each of them is checked by Compile whatever the text was.
const (
	maxDepth   = 32
	maxParts   = 64
	maxWire    = 16
	maxHeaders = 32
	maxWindow  = 24 * time.Hour
	maxHeader  = 8 << 10 // bytes of a header value that is signed
	maxMAC     = 64
)

// ExprKind is the kind of an expression node. The zero value is no expression.
type ExprKind uint8

const (
	// Literal is the bytes in Text.
	Literal ExprKind = iota + 1
	// Name is a derived part or a captured value: method, target, ts, …
	Name
	// Header is the value of the header named in Text: a name space of its own (security rule 5).
	Header
	// Call is the function named in Text, applied to Args and Options.
	Call
	// Concat is Args, one after another.
	Concat
	// FieldValue is a value in the query, the form or the JSON body: q.name, f.name or j.path, that whole text in Text (language 2).
	FieldValue
	// VarName is the variable named in Text (language 2).
	VarName
	// Number is a whole number; as a value it is its digits (language 2).
	Number
	// SecretPart is the part of the secret named in Text (language 2).
	SecretPart
)

// Expr is one node of an expression as written; Compile gives it its meaning. The zero value means "not given". Immutable once handed over.
type Expr struct {
	Kind    ExprKind
	Text    string
	Args    []Expr
	Options []Option
	// Pos is the byte offset in the expression's source, for errors.
	Pos int
}

// Option is a named argument of a call: name=value. Expr is set where the value is neither a number nor a text.
type Option struct {
	Name, Value string
	Expr        Expr
	Pos         int
}

// WireHeader says how one header is written: text with captures in braces, such as "t={ts},v1={sig}".
type WireHeader struct{ Name, Template string }

// Place says where on the wire a value stands. The zero value is a header.
type Place uint8

const (
	// InHeader is a request header.
	InHeader Place = iota
	// InQuery is a parameter of the query.
	InQuery
	// InForm is a parameter of a body of type application/x-www-form-urlencoded.
	InForm
	// InJSON is a member of a JSON body; its name is a path such as a.b.0.c.
	InJSON
)

// TimeRule says which time is checked for freshness and how it is written.
type TimeRule struct {
	// Header is the header that holds the time; empty means {ts} on the wire.
	Header string
	// Format is unix, unix_ms, http_date or rfc3339. Language 2 has more, and patterns such as %Y%m%d.
	Format string
	// Window is the greatest accepted distance to the verifier's clock, in both directions, bound included: 1 s to 24 h.
	Window time.Duration
	// Zone is the zone of a pattern that names none, such as +08:00; empty means UTC (language 2).
	Zone string
	// Expiry: the time on the wire is the moment at which the request ceases to be valid (language 2). It may lie at most Window ahead, and not behind.
	Expiry bool
	// Chosen is the window that the sender chooses, a whole number of Unit (language 2); not given means that it cannot. It is capped by Most, 1 s to 7 days.
	Chosen     Expr
	Unit, Most time.Duration
}

// NonceRule says what a nonce looks like.
type NonceRule struct {
	// Min and Max bound its length in bytes. Zero means 16 and 128.
	Min, Max int
	// Chars lists its characters, with ranges such as a-z; a hyphen that is meant stands last. They must be unreserved ones of RFC 3986: A-Za-z0-9._~-,
	// which is also what empty means. Leave one out where it separates the nonce from the next part.
	Chars string
}

// Definition is a scheme as declared. Name, Algorithm, Message and one wire header with {sig} are required.
type Definition struct {
	Name string
	// Algorithm is hmac-sha1, hmac-sha256, hmac-sha384 or hmac-sha512. Language 2 also has hmac-md5 and, for keyed plain hashes, md5, sha1, sha256, sha384, sha512.
	Algorithm string
	Message   Expr
	// Key turns the issued secret into the HMAC key; not given means the secret's bytes as they are.
	Key Expr
	// Signature writes the MAC as text; not given means lower-case hex.
	Signature Expr
	Wire      []WireHeader
	// Language is the version of the profile language: 0 and 1 mean 1. What follows this field needs 2, except as noted.
	Language int
	// Webhook: the sender signs no method and no target, because the receiver's URL is its own.
	Webhook bool
	// WireQuery, WireForm and WireJSON are values that stand in the query or in the body; the names are those of parameters, or paths.
	WireQuery, WireForm, WireJSON []WireHeader
	// Several is nil where each header has one form and one signature.
	Several *SeveralRule
	// Vars are further values: supplied by the caller, captured, or computed.
	Vars []Var
	// Secrets names the parts that a secret has beside the first one.
	Secrets []string
	// Checks must hold for every request.
	Checks []Check
	// RawTarget accepts bytes in the target that no request line may have: for signing only, before the target is percent-encoded.
	RawTarget bool
	// Spelling accepts that the spelling of a request is not signed: the order of parameters, percent-encoding, letter case of a host, JSON white space.
	Spelling bool
	// Time is nil where the scheme has no time at all.
	Time *TimeRule
	// Nonce is nil where the defaults hold.
	Nonce *NonceRule
	// Uncovered lists what is knowingly not signed: method, path, query, body, time.
	Uncovered []string
	// Ambiguous accepts a message of which two requests can share the bytes.
	Ambiguous bool
}

// CompileError tells what is wrong with a definition and where.
type CompileError struct {
	// Field is the profile key: name, algorithm, message, key, signature, wire, wire_query, wire_form, wire_json, time, nonce, several, vars, checks, uncovered, ambiguous.
	Field string
	// Item is the header's name for wire, the word for uncovered, the variable's name for vars, and the number (from 0) for checks.
	Item string
	// Pos is the byte offset in that field's expression; 0 when the field as a whole is meant.
	Pos int
	// Message says what is wrong, Hint how to mend it; Hint may be empty.
	Message, Hint string
}

// Error is the field, the message and the hint in one line.
func (e *CompileError) Error() string {
	text := e.Field + ": " + e.Message
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}
