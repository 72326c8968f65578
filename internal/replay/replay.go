// Package replay states the contract of the replay guard: the memory of which
// requests have been let through already.
//
// It owns the words of the contract (Key, Guard and the two errors) and nothing
// else. The guards themselves live beside it (memory, with a journal on disk);
// replaytest holds the suite that every guard has to pass.
//
// It answers the attack in which a correctly signed request is captured and
// sent a second time. A signature proves who wrote a request; only this memory
// proves that it has not been acted upon before (design decision 7, security
// rule 8).
package replay

import "errors"

// Key names one request: a digest over a length-prefixed tuple of environment,
// credential and canonical input (or nonce). It is never made from the text of
// the signature, which can be spelt in several ways (design decision 7,
// security rule 10). All 32 bytes count; the zero key is a key like any other.
//
// It is an alias, so that a consumer can declare the same interface with
// [32]byte and import nothing.
type Key = [32]byte

var (
	// ErrFull says that the bound on remembered keys has been reached. No key
	// is ever forgotten early to make room, so the request has to be refused
	// (503).
	ErrFull = errors.New("replay guard is full")

	// ErrUnavailable says that the claim could not be written down (disk full,
	// read-only, failing, guard closed) or could not be judged. The claim is
	// not fresh and the request has to be refused (503). The cause is wrapped
	// beside it and belongs in the log.
	ErrUnavailable = errors.New("replay guard is unavailable")
)

// Guard remembers claimed keys. All methods may be called from any number of
// goroutines.
//
// What every implementation promises:
//
//   - Of any number of equal claims, at the same moment or later, exactly one
//     is fresh.
//   - A key stays refused until the second expires has passed: at now ==
//     expires it still is. It may stay refused a little longer.
//   - A claim with expires < now is refused.
//   - A second claim of a live key with a later expires is refused and makes
//     the key live until the later one: what was refused as a replay once is
//     not let through afterwards.
//   - fresh is true only after the claim has been handed to the journal or
//     store; with an error fresh is always false.
//   - A clock that is set back revives nothing: what has been forgotten with a
//     later clock is refused from then on, also after a restart. It is
//     ErrUnavailable, not a replay: nobody can tell any more, and an honest
//     caller must not believe that its request was carried out.
//
// What the caller has to do: derive expires from the request's own timestamp and
// a span that never shrinks or grows between two sightings of one request. When
// a time window can be widened by configuration, expires has to be computed with
// the widest window that may ever be set; otherwise a request that was forgotten
// under the narrow window is fresh again under the wide one.
type Guard interface {
	// Claim asks for key. fresh is true exactly once per key and lifetime.
	// expires and now are Unix seconds: expires is the request's timestamp
	// plus the window, now is the caller's clock. Errors are ErrFull and
	// ErrUnavailable, to be told apart with errors.Is.
	Claim(key Key, expires, now int64) (fresh bool, err error)

	// Close flushes and releases what the guard holds. Claims after it fail
	// with ErrUnavailable. A second Close does nothing.
	Close() error
}
