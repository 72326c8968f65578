// Package memory is the replay guard of a single node: sharded tables in memory
// and, behind it, a journal on disk from which they are rebuilt.
//
// It owns one folder: a lock file, the file that says up to when claims have
// been forgotten, and one segment file for every minute of expiry. A claim is
// written to its segment with write(2) before it is called fresh, so it survives
// kill -9. It survives a loss of power only with Config.Sync. Expiry deletes
// whole segments.
//
// It refuses: a second process on the same folder; symbolic links, and files or
// folders that others can read or write; a journal that is damaged anywhere but
// at its very end (opening fails and names file and offset); every claim that it
// cannot write down; every claim beyond its memory bound.
//
// It answers the attack in which a captured request is sent again: at once, in
// parallel, after the process was killed, after its clock was set back, or after
// the attacker filled memory or disk in the hope that old entries make room
// (security rule 8, design decision 7).
//
// What it cannot see: a segment file, or the whole folder, that someone with
// access to the disk deletes. Whoever has the disk is root (design decision 14).
package memory
