// Package admin is the operators' plane over HTTP: it answers every operation of the contract (api/openapi.yaml) by one use case of
// the registry, or one question to the records. It owns the order in which a request is judged (host, route, who, permission,
// origin, headers, body, contract), the problems that it is refused with, the pages, the ETags and the waiting for nodes.
//
// It refuses: a Host that is not its own; a request whose body, query or headers two readers could understand differently; an
// unsigned-in caller before a byte of the body is read; a change without the permission for the environment of the very row that
// it concerns; a replacement without If-Match. Every refused attempt to change something leaves a row in the record of changes,
// and a flood of them leaves a bounded number.
//
// The attacks it answers: DNS rebinding and cross-site requests against an operator's browser (security rule 31), a principal of
// one environment who reaches for another one's rows (they are not there: the same bytes as for a row that never was), two
// operators who overwrite each other, and bad input that breaks a server (nothing that a client sends answers 5xx).
package admin
