// Package traffic answers the questions of pages about what happens: requests, refusals by reason and latency over the last
// hour, day or week, when a partner called last, how each version of a credential is used and from which addresses, and whether
// one reason for refusals has suddenly become frequent.
//
// It owns sums in memory, made of the per-minute counts (package rollup) of one or several servers: each day file is read once,
// and then followed as it grows. It never reads the decision lines, decides nothing, and is lost with the process: a start reads
// the files again, the newest first. It refuses to be quietly wrong: a day that cannot be read, counts that are still being
// read, and things beyond its bounds are told with every answer (Fault texts).
//
// The attack it answers: the flood that would make a page slow or memory grow. Everything that is counted apart has a bound
// (the constants below), and an answer costs what its points cost, however many requests there were.
package traffic
