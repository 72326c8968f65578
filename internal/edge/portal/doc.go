// Package portal is the partners' side of the register as pages: how to begin in each environment, credentials, calls, addresses,
// a request tester and a signature debugger, for people of one partner (members).
//
// It owns the pages, what they say in plain words, and what a partner may see (record 41). It refuses: a request for another
// host than the public URL's (DNS rebinding), a change that another origin asks for (login and other CSRF), a visitor who is no
// member, and every id that is not of the member's own partner: the answer to such a one is, byte for byte, the answer to an id
// that does not exist. The partner is always that of the session and never read from a request.
//
// The attacks it answers: the partner who tries another one's ids in a URL or a form, the page of another site that makes a
// member's browser change something, the name of a partner or of a file that is markup, the secret that stays in a cache, and
// the record of decisions that tells what was deliberately not told.
package portal
