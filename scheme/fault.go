package scheme

// FaultKind is the closed list of what can be wrong with the form, the freshness or the signature of a request.
type FaultKind uint8

const (
	// FaultMissing: a header that the profile lists is absent (security rule 5).
	FaultMissing FaultKind = iota + 1
	// FaultDuplicate: such a header comes more than once (security rule 20).
	FaultDuplicate
	// FaultMalformed: a header, the method or the target does not have the form that the profile demands (security rule 6).
	FaultMalformed
	// FaultAmbiguousBody: the body begins with a byte that could belong to the target in front of it (security rule 3).
	FaultAmbiguousBody
	// FaultStale: the time lies too far in the past.
	FaultStale
	// FaultFuture: the time lies too far in the future.
	FaultFuture
	// FaultMismatch: the signature does not belong to this request and key.
	FaultMismatch
	// FaultUnsignable: a signer was not given what the profile needs. Never the answer to a request.
	FaultUnsignable
)

// String is the word used in vectors and logs.
func (k FaultKind) String() string {
	switch k {
	case FaultMissing:
		return "missing"
	case FaultDuplicate:
		return "duplicate"
	case FaultMalformed:
		return "malformed"
	case FaultAmbiguousBody:
		return "ambiguous_body"
	case FaultStale:
		return "stale"
	case FaultFuture:
		return "future"
	case FaultMismatch:
		return "mismatch"
	case FaultUnsignable:
		return "unsignable"
	}
	return "unknown"
}

// Fault is one refusal. Nil means that there is nothing to refuse. Faults that the hot path meets are made once per scheme and shared: treat every Fault as
// read-only. It implements error; compare Kind, never the text.
type Fault struct {
	// Kind is what is wrong.
	Kind FaultKind
	// Where is the header's name as the profile spells it, or "method", "target", "host", "scheme", "body"; empty when no one part is to blame.
	Where string
	// Detail says it in words that are safe to show to the caller: it never holds a value that the request brought, a MAC or a secret.
	Detail string
}

// Error is Where and Detail in one line.
func (f *Fault) Error() string {
	if f.Where == "" {
		return f.Detail
	}
	return f.Where + " " + f.Detail
}

func unsignable(where, detail string) *Fault {
	return &Fault{Kind: FaultUnsignable, Where: where, Detail: detail}
}
