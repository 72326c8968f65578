// Package rate states the contract of the limiter: how many requests are let in, in which span and on which day. It owns
// the words of the contract (Bucket, Limiter, the errors) and the arithmetic that every engine shares, and does no I/O. The
// engines live beside it (memory); ratetest holds the suite that each of them has to pass.
//
// It refuses to round in anybody's favour: a pace is kept as an exact fraction, so that a burst is exactly the burst and a
// span lets exactly its rate in. It answers the flood, and the caller who hopes that a clock that is set back, a changed
// limit or many requests at once make room that was used up already.
package rate

import (
	"errors"
	"time"
)

// Key names one bucket: a digest over whose requests it counts. All bytes count. The keys of one call are distinct.
type Key = [16]byte

// Max is how many buckets one call may ask for: API, partner on the API, partner, credential on the API, credential.
const Max = 5

var (
	// ErrFull says that the bound on remembered buckets is reached and none can be forgotten. The request has to be refused
	// (503), unless the engine was set to let it in.
	ErrFull = errors.New("rate limiter is full")
	// ErrUnavailable says that the engine cannot count (it was closed, or does not answer). The request has to be refused
	// (503); the cause is wrapped beside it and belongs in the log.
	ErrUnavailable = errors.New("rate limiter is unavailable")
)

// Outcome is what one bucket says of a request. The zero value says that there is room.
type Outcome uint8

const (
	// Room: it may come, as far as this bucket goes.
	Room Outcome = iota
	// RateUsed: the burst is used up; one more may come after Wait.
	RateUsed
	// QuotaUsed: the day's quota is used up; one more may come after Wait, on another day.
	QuotaUsed
)

// Bucket is one limit that a request must have room in, and after Take what it said. A bucket without a rate and without a
// quota always has room.
type Bucket struct {
	Key   Key
	Group Key   // whose it is: an engine of several servers keeps the buckets of one group together; zero: it goes by Key
	Pace  *Pace // nil: no rate
	Daily int64 // requests on each day of UTC; 0: no quota

	// Written by Take, of the moment after it. Where another bucket refused the request, those with room say what they would
	// have had left.
	Outcome Outcome
	Wait    time.Duration // until this bucket has room for the request that it refused; 0: it did not refuse it
	Left    int64         // requests that may come at once; only with a rate
	Next    time.Duration // until one more may come; only with a rate
	Full    time.Duration // until the whole burst may come at once; only with a rate
	DayLeft int64         // requests left of the quota; only with one
	DayEnds time.Duration // until the quota begins anew; only with one
}

// Limiter counts requests. All methods may be called from any number of goroutines.
//
// What every implementation promises:
//
//   - A request is let in if every bucket has room, and then takes from each; else it takes from none. Of any number of
//     requests at one moment, a fresh bucket lets exactly its burst in, and from then on exactly its rate in each span.
//   - A bucket remembers its key, not its limit: a limit that is changed goes on with what was used of the former one.
//   - The engine reads the clock itself, so that requests are counted in the order of their times. A clock that is set back
//     gives no room and locks nobody out: for rates its hands go on from there; a day that has begun goes on until it ends,
//     so that no day's quota comes twice. A clock that is set forward is time that has passed: it gives at most one burst
//     and one day's quota. Where the clock has a monotonic part, rates do not feel its steps at all.
//   - An error lets nothing in and counts nothing.
//
// What it need not promise: rates over a restart, which gives at most one burst more; and of the day's counts the last
// second before a crash.
type Limiter interface {
	// Take asks all buckets, at most Max with distinct keys, for one request and writes what each said. Errors are ErrFull
	// and ErrUnavailable, to be told apart with errors.Is.
	Take(buckets []Bucket) (admitted bool, err error)

	// Close writes down what has to last and releases what the limiter holds. Take fails with ErrUnavailable afterwards. A
	// second Close does nothing.
	Close() error
}
