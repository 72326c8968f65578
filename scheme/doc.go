// Package scheme holds a compiled signing scheme: the exact bytes of a request that are signed, how they are signed, how the result is written on
// the wire, and how all of it is checked again. The same code signs on the partner's side and verifies on the provider's.
//
// It owns: the expression tree and its evaluator, the wire templates, the proof that no two requests share a canonical input, HMAC with reused key
// states, and the faults that tell a caller what is wrong with the form of its request. It does no I/O, reads no clock, holds no mutable globals and
// uses only the standard library.
//
// The profile language has two versions. Messages of plain parts take one path, without an allocation and with the body streamed; the functions of language 2
// (conditions, parameters, lists of headers, derived keys) are evaluated in bounded steps and bounded memory, because profiles and requests are both untrusted.
//
// It refuses: profiles that leave a part of the request unsigned without saying so, messages whose parts run into each other, requests that lack a
// header, bring it twice or write it in another form, and bodies that could be read as the end of the target.
//
// The attacks it answers: a signature moved to another request (security rules 1 to 3), headers that shadow derived parts (rule 5), malformed
// signatures (rule 6), doubled credentials (rule 20), and timing of the comparison (rule 4).
package scheme
