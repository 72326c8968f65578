// Package inspect verifies the records in the background, so that a page can say how far they were verified, and what vouches
// for them. It owns when that is done, one record at a time and with pauses, what is remembered between two verifications, and
// the words for the outcome.
//
// It proves nothing itself: packages audit and segment do. It refuses to say more than was proven: a process that has just
// begun has verified nothing, a partial verification says that it is one, and checkpoints whose signature or order is wrong are
// a fault, never passed over, and so are a record and a book that are shorter than what this process has read of them before.
//
// The attack it answers: the altered record that nobody looks at. What it does not answer: whoever may replace this program, or
// the key and the books together, can replace its answer; for those, verify on another machine (countersign audit verify).
package inspect
