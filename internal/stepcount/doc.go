// Package stepcount owns, for tests, the counting of machine instructions: a second process of the test binary goes through a piece of
// code one instruction at a time, and this one counts. It needs no hardware counter, and the figure does not depend on speed, load or
// neighbours, so that a bound on it can hold a change up where a bound on time cannot. It refuses to skip under CI where counting is
// not permitted. What it answers is no attack, but the slow loss of speed that no single change seems to cause.
//
// What is counted are instructions of the program in user mode, those of the runtime among them, of one thread; the kernel's are not.
// A repeated string instruction counts once for each repetition. How long instructions take, and what the caches do, is not seen.
package stepcount
