// Package secret owns what must never be seen twice: values that redact themselves, the generation of key ids and
// secrets, the policy for secrets that a partner chooses, password hashing within a bound, and the key ring that seals
// secrets at rest. It knows no store and no protocol.
//
// It refuses: to print, log or encode a secret by any of Go's usual ways; a hash whose stored cost could exhaust the
// machine; a sealed value that was altered or moved to another row; a key file that others can read, that is a symbolic
// link, or that cannot be read (security rules 28, 33 and 39).
//
// The attacks it answers: a copy of the data file without the key file (nothing in it opens), a swapped row (the row's
// identity is authenticated), a guessed partner secret (argon2id), and the careless log line.
package secret
