// Package lint attacks a profile: it signs examples, changes one thing at a time, and reports every change that a verifier still
// accepts; it looks for two requests with one canonical input; and it says what the profile leaves open.
//
// It owns examples, mutations, the search for collisions and what is reported of them. It refuses nothing: a profile that this
// package has got in hand is already compiled, and the compiler's proofs stand. It holds them against the running verifier.
//
// The attacks it answers: a part of the request that is not signed although it seems to be (security rule 2), bytes that move from
// one part to its neighbour (rule 3), headers that count twice (rule 20), and schemes whose time, hash or secret is weaker
// than its author thinks.
package lint
