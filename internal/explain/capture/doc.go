// Package capture keeps refused requests for a while, so that their owner can have them explained by the server: sealed, capped,
// expiring, and only where the operator switched it on.
//
// It owns the files of the captures, their bounds and their end. It refuses to give a capture to anybody but the credential that the
// request named, in the environment in which it came; a name that is not there, has expired or is another's is one and the same
// answer. It never gives out a MAC: what is asked for is an explanation, not the capture.
//
// The attacks it answers: reading other partners' requests from a disk or a backup (each capture is sealed to its own identity),
// filling the disk or pushing out what others wait for by sending refused requests (bounds for each credential and for all), and
// using explanations as an oracle (a bound on how often a credential may ask; security rules 4 and 9).
package capture
