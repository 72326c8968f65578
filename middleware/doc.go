// Package middleware is the check of countersign in a Go service's own process: an http.Handler goes in, and what comes out lets a
// request through to it only where `countersign serve` would have forwarded it. It is the mirror image of package client: that one
// signs, this one decides.
//
// It reads the same configuration file as the server, for one environment, whose listeners and upstreams it leaves alone. It decides by
// the same register, and follows it: a revocation counts within a second. A request that is refused is answered exactly as the server
// answers, with the same reason, and stands in the same kind of decision record, which this process writes for itself. The handler
// gets the method, the target and the body that were verified, the body byte for byte; the identity stands in the request's context,
// and in the identity headers that an upstream would get. Whatever a caller sends in their name space is gone.
//
// It refuses to share what must not be shared by accident: it takes the lock of the environment in the data folder, as the server
// does, so that no two processes have one memory of replays each. It refuses while the register is too old, while nothing can be
// recorded and before Open has returned.
//
// The attack that it answers is the request that goes round the gateway: where the check is in the service, there is no way round.
// What it cannot see is what net/http has repaired before any handler runs; Listener puts the strict reader in front, which sees it.
package middleware
