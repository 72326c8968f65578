// Package stream takes the two records elsewhere while they are written: to a syslog server (RFC 5424 over TLS, RFC 5425), or
// to a file that a collector reads. It holds no queue and stands in nobody's way: it reads the records themselves, from a
// position that it keeps in a file, and goes on from there after a failure or a restart. Delivery is at least once: what was
// sent and not confirmed is sent again, so a receiver drops doubles by the record's name and seq.
//
// It refuses a server whose certificate it cannot check, and plain TCP beyond this machine unless told so in so many words.
// The attack it answers is that on the record itself: whoever takes the machine cannot take back what another one has.
package stream
