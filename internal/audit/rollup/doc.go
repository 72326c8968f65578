// Package rollup owns the numbers that charts are made of, minute by minute: how many requests ended with which reason, how
// long they took, how much they carried, who sent them, and which version of which credential was used last, from where.
//
// They are derived from the decision record and nothing else: whatever is lost or damaged is made again from the segments,
// and made live or made again, the numbers are the same. It refuses frames with a wrong checksum and numbers out of bounds.
// The attack it answers is the flood that would fill memory or disk with things to be counted: names have a bound, sets of
// addresses have one, and both are told when they were cut. A request that proved nothing never counts as the use of a
// version: whoever merely knows a key id cannot make an old version look as if it were in use.
package rollup
