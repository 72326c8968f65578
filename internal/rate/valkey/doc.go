// Package valkey is the limiter that many nodes share: one key for each bucket on a Valkey or Redis server, and one script
// that takes from all buckets of a request or from none.
//
// It owns the keys below its prefix, which expire when they say nothing any more. The script decides by the server's clock
// with whole numbers, as the limiter of one process does with its own; what is left and when to come again is worked out by
// package rate from the state that the script found. A request that the server does not answer for is refused, unless the
// configuration lets such requests in uncounted; whether the server counted it after all is unknown then.
//
// It answers the caller who spreads requests over many nodes to get the limit once from each.
//
// With a cluster, buckets of one request may lie on several servers. Then they are asked one after the other, and what was
// taken from the first is given back when a later one refuses; for that moment others may be refused by the first that would
// have had room. A node that dies in between leaves one request too many counted.
package valkey
