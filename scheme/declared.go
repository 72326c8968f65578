package scheme

// Bounds on what language 2 adds to a definition.
const (
	maxVars    = 24
	maxChecks  = 16
	maxSecrets = 4
	maxValue   = 4 << 10 // bytes of a variable
	maxItems   = 64      // items of a header that is a list
	maxSigs    = 8       // signatures presented with one request
)

// SeveralRule says that the header with {sig} is a list of items in any order, of which those with {sig} may be repeated: the usual shape while a secret is
// rotated. Items that the template does not know are ignored, such as those of another version of the scheme.
type SeveralRule struct {
	// Separator stands between two items, 1 to 4 characters; white space around items does not count. Empty means that the header is no list: then Also is needed.
	Separator string
	// After is literal text in front of the first item; it may be empty.
	After string
	// Also names headers that may carry a further signature in the same form; at most 4.
	Also []string
}

// Var is a value beside the built-in ones, written v.name. Exactly one of these gives it its value: the wire ({name} in a template), From with Match, Value, or the
// caller through Request.Vars. One with a Value may also stand on the wire; then both must be equal.
type Var struct {
	// Name is 1 to 32 of a-z, 0-9 and underscore, beginning with a letter.
	Name string
	// Chars lists the characters that it may have, as NonceRule.Chars does; empty means A-Za-z0-9._~-. They must be visible ASCII or the space.
	Chars string
	// Min and Max bound its length in bytes. Zero means 1 and 128 (the length of Default, where that is shorter); Max is at most 4096. A variable with a Value, which is
	// compared anyway, has 0, 1024 and every visible character instead, where nothing is said.
	Min, Max int
	// From is path, host, target, query or a header, h.name: what Match is held against.
	From string
	// Match is text with the variable in braces, such as /v1/sessions/{id}/**: * is any run without a slash, ** any run.
	Match string
	// Value computes it.
	Value Expr
	// Default is used when nothing gives a value; nil means that this is refused.
	Default *string
	// List is the separator of a list of header names, such as ";"; empty means that it is no list.
	List string
	// Must lists, in lower case, the header names without which a list is refused.
	Must []string
}

// Check is an equation that every request must satisfy, such as a digest header being the digest of the body.
type Check struct{ Left, Right Expr }

// two says whether the definition is of language 2.
func (d *Definition) two() bool { return d.Language == 2 }

// language refuses what the definition's language does not have.
func (d *Definition) language() error {
	bad := func(field, message string) error {
		return &CompileError{Field: field, Message: message, Hint: "language: 2"}
	}
	if d.Language < 0 || d.Language > 2 {
		return bad("language", "unknown language version")
	}
	if d.two() {
		return nil
	}
	switch {
	case len(d.WireQuery) > 0:
		return bad("wire_query", "wire_query needs a later language")
	case len(d.WireForm) > 0:
		return bad("wire_form", "wire_form needs a later language")
	case len(d.WireJSON) > 0:
		return bad("wire_json", "wire_json needs a later language")
	case d.Several != nil:
		return bad("several", "several needs a later language")
	case len(d.Vars) > 0:
		return bad("vars", "vars need a later language")
	case len(d.Secrets) > 0:
		return bad("secrets", "secrets need a later language")
	case len(d.Checks) > 0:
		return bad("checks", "checks need a later language")
	case d.Webhook || d.RawTarget:
		return bad("kind", "kind and target need a later language")
	case d.Spelling:
		return bad("ambiguous", "ambiguous: spelling needs a later language")
	case d.Time != nil && (d.Time.Zone != "" || d.Time.Expiry || d.Time.Chosen.Kind != 0):
		return bad("time", "this kind of time needs a later language")
	}
	return nil
}
