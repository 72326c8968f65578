// Package whatif asks the records what a change would do, and what has happened. It owns the replay of recorded decisions
// against proposed network rules, limits, time windows and address modes; the use of a credential, version by version, before it is
// rotated or revoked; what the system itself can say in a review; and the story of one request.
//
// It decides nothing and changes nothing. Networks are judged by the code that decides (package access), times by package
// scheme, limits by the arithmetic of package rate. It refuses to guess: a request that never proved who sent it is not "let
// in" by any change, and what the record does not say is counted as not judged, with why. Everything is bounded: lines read,
// addresses kept, examples given.
//
// It answers the change that nobody thought through: the allowlist that cuts a partner off on a Friday evening, the key that is
// revoked while somebody still calls with it, and the wider rule that lets in more than was meant.
package whatif
