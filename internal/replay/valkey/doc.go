// Package valkey is the replay guard that many nodes share: one key for each claim on a Valkey or Redis server, and one
// script that decides.
//
// It owns the keys below its prefix and their lifetimes. It refuses: every claim that the server does not answer; every
// claim while the node's clock and the server's are further apart than the drift that is allowed; every claim on a server
// that may evict keys, or does not say whether it does; a key that may have been forgotten while the server's clock was
// ahead.
//
// It answers the attack in which a captured request is sent again to another node: at once, in parallel, after a node or the
// server was killed, or through a node whose clock is wrong (security rule 8, design decisions 7 and 9).
//
// What it cannot see: writes that the server itself loses. Without an append-only file a restart of the server forgets all
// claims; with one that is flushed each second, a crash of its machine forgets the last second; a failover forgets what the
// replica had not received, unless Config.WaitReplicas is set. Requests of that time can be repeated once within their
// window. Nor does it see a clock of the server that runs ahead and back between two beats while no claim is made.
package valkey
