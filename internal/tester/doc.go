// Package tester is behind the portal's request tester and signature debugger: it turns a filled-in form into one HTTP/1.1
// request, says what of it is signed and how a page signs that by itself, takes the finished bytes to the gateway of a sandbox,
// and reads one answer.
//
// It owns: the reading of the form, the plan by which a page makes a signature from a secret that only the page has, the bytes
// of the request, the bounds of one relayed call, and a report about a signature that is made without a secret. It refuses what
// is not one plain request (line ends in a value, a header about the connection, its length or the client's address), key ids
// that are not the partner's own, targets that belong to another API than the one that was chosen, the token endpoint (its body
// is a secret), and profiles whose signature a page cannot make alone. It never takes a secret: the functions that need one to
// check a plan make it up.
//
// The attacks it answers: a secret that reaches a server, its log or its memory because a test form has a field for it; a
// portal that is used as an open proxy, to other hosts, other environments or in the name of another address (security rule
// 21); requests smuggled through a typed header (rule 24); and an explanation that tells whose a key id is (rule 9).
package tester
