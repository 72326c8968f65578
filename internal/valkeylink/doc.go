// Package valkeylink is the way to a Valkey or Redis server (6.2 or newer; single, behind sentinels, or a cluster) for what
// nodes share: it makes the connections, proves who connects, bounds every call, and knows when the server is away.
//
// It owns one client, the circuit and what is known of the servers; it knows no key and no script of its own, and decides
// nothing: what an unanswered call means is its user's choice. It refuses several single servers (each would remember
// something else), a plain connection to another machine unless that was said to be wanted, and a password file that
// others can read (security rule 39).
//
// It answers the outage that spreads: a cache that is slow or away must not make every request wait. A call takes at most
// its timeout, connections are never made by a request, and the first call without an answer opens the circuit: from then
// on calls fail at once, and one probe at a time looks whether the server is back. No error and no line of the log holds a
// password (security rule 33).
package valkeylink
