package api

// ProblemType names a kind of problem. The list is closed; names never change their meaning. It is an error, so that
// errors.Is(err, api.Stale) asks an *Error for its type.
type ProblemType string

// The problems. What each means, its status and what to do: Problems, and docs/reference/admin-api.md.
const (
	MalformedRequest     ProblemType = "malformed-request"
	NotSignedIn          ProblemType = "not-signed-in"
	CrossOrigin          ProblemType = "cross-origin"
	Forbidden            ProblemType = "forbidden"
	FourEyes             ProblemType = "four-eyes"
	NotFound             ProblemType = "not-found"
	MethodNotAllowed     ProblemType = "method-not-allowed"
	Conflict             ProblemType = "conflict"
	IdempotencyConflict  ProblemType = "idempotency-conflict"
	Stale                ProblemType = "stale"
	TooLarge             ProblemType = "too-large"
	UnsupportedMedia     ProblemType = "unsupported-media-type"
	MisdirectedRequest   ProblemType = "misdirected-request"
	Invalid              ProblemType = "invalid"
	PreconditionRequired ProblemType = "precondition-required"
	TooManyRequests      ProblemType = "too-many-requests"
	Unavailable          ProblemType = "unavailable"
	Internal             ProblemType = "internal"
)

// ProblemInfo is what is fixed about one type of problem.
type ProblemInfo struct {
	Type   ProblemType
	Status int
	Title  string
	Help   string // what to do
}

// Problems is the closed list in the order of the documentation; a fresh slice each time.
func Problems() []ProblemInfo {
	return []ProblemInfo{
		{MalformedRequest, 400, "The request cannot be read", "Mend the JSON, the query or the header that `detail` names."},
		{NotSignedIn, 401, "Nobody is signed in", "Sign in, or send a token that has not ended: `countersign login --server URL`."},
		{CrossOrigin, 403, "A browser sent this from another site", "Send it from the pages of this server, or with a bearer token and no cookie."},
		{Forbidden, 403, "A permission is missing", "`permission` names it. Ask an admin for a role that has it."},
		{FourEyes, 403, "A second person must do this", "Whoever asked for a change, or edited it, does not approve it. Ask a colleague."},
		{NotFound, 404, "There is nothing here", "It never was there, is gone, or is outside of what you may see: the answers are the same."},
		{MethodNotAllowed, 405, "This cannot be done with it", "`Allow` names the methods."},
		{Conflict, 409, "Not possible in the present state", "Look at the resource as it is now; `detail` says what stands in the way."},
		{IdempotencyConflict, 409, "The idempotency key belongs to another request", "Use a new key for a new request."},
		{Stale, 412, "It was changed meanwhile", "Read it again, decide again, and send the new ETag or digest."},
		{TooLarge, 413, "The body is too long", "1 MiB of JSON, 10 MiB of evidence."},
		{UnsupportedMedia, 415, "The content type is not taken here", "Send `application/json` without a charset other than UTF-8, and no content coding."},
		{MisdirectedRequest, 421, "The host is not that of this server", "Use the public URL of the configuration, or the address it listens on."},
		{Invalid, 422, "The request is not as the contract says", "`errors` names each place and what is wrong there."},
		{PreconditionRequired, 428, "If-Match is missing", "Send the ETag of what is to be replaced, so that nobody's work is overwritten."},
		{TooManyRequests, 429, "Too many requests", "Wait for `Retry-After` seconds."},
		{Internal, 500, "We broke", "Report the request id; the cause is in the server's log."},
		{Unavailable, 503, "Not available now", "Try again after `Retry-After` seconds; changes wait for the register, searches for the record."},
	}
}

const problemBase = "https://countersign.dev/problems/"

// URI is the `type` of a problem.
func (t ProblemType) URI() string { return problemBase + string(t) }

// Error is the name of the type.
func (t ProblemType) Error() string { return string(t) }
