// Package remote owns the register of a server as its operators' plane shows it: the Go interface that the command line has to a
// register on its own disk, spoken over HTTP. It turns answers into the nouns of the register and problems (RFC 9457) into its
// errors, so that a command says the same of both.
//
// It refuses: a server without TLS other than this machine, a redirect, an answer that is longer than its bound or of another
// type than was promised, a token that no header could carry. Where a server makes a change wait for a second person, that is a
// *Waiting and never a success.
//
// The attacks it answers: a token that is sent elsewhere because a server said so, an answer without end, a change made twice
// because its answer got lost (every change carries an idempotency key), and one operator overwriting another's work unseen (what
// is replaced or removed is what was read before).
package remote
