// Package signin is where operators prove who they are: with the identity of an OIDC provider, with passkeys and recovery codes,
// with a break-glass code; and where a terminal gets a token of its own. It owns the pages below /sign-in/, their cookies, and the
// one function that says in whose name a request of the admin API acts. On the listener of the partners' portal it is where members do
// so, people of partners: with passkeys and recovery codes, and nothing else. A Handler is of one of the two realms, and what proves
// somebody in one proves nobody in the other (record 40).
//
// It refuses: a request for another host than the public URL's (DNS rebinding), a change that another origin asks for, a state,
// nonce, challenge, code or link that comes twice or too late, an ID token that is not signed with RS256, ES256 or EdDSA by the
// configured issuer for this client, an email address for which the provider does not vouch, a passkey whose counter went back or
// whose user was not verified. There is no password anywhere, and no page that another site could frame or script.
//
// The attacks it answers: session fixation (every sign-in has a fresh token), a stolen register (tokens, links and codes are kept
// as hashes), login CSRF, replayed answers of a provider, a cloned security key, roles that are taken away while somebody is signed
// in, strangers who want to lock an account (failures count for the source and, of one account, for that source alone), and
// strangers who want to fill the disk (what is kept before a proof is bounded for each source, and ends by itself).
//
// # The public URL
//
// Cookies are __Host- ones with Secure over https. A plain http public URL is taken for loopback alone; its cookies have neither the
// prefix nor Secure, since browsers do not keep such ones there, and are seen by whatever else listens on that host name. Browsers
// offer passkeys for host names only: on loopback the public URL is http://localhost:PORT, not http://127.0.0.1:PORT. A visitor of
// the latter is sent to the former.
//
// # Sign-in of a terminal
//
// The contract with the command line (RFC 8252 §7.3, RFC 7636 with S256):
//
//  1. The terminal draws a verifier of 43 to 128 characters of A-Z a-z 0-9 - . _ ~, and a state of 16 to 200 of A-Z a-z 0-9 - _; it
//     listens on 127.0.0.1, on any free port.
//  2. It opens PUBLIC/sign-in/cli?challenge=C&port=PORT&state=S in a browser, where C is base64url without padding of SHA-256 of
//     the verifier. The person signs in, if need be, and is asked to let this terminal in.
//  3. The browser is sent to http://127.0.0.1:PORT/?code=CODE&state=S, or, where the person said no, to
//     http://127.0.0.1:PORT/?error=access_denied&state=S. The terminal compares the state and answers a plain page.
//  4. Within two minutes the terminal posts {"code": CODE, "verifier": VERIFIER} as application/json to PUBLIC/sign-in/cli/token.
//     The answer is 200 with {"token": "csct_...", "expires_at": RFC 3339 time, "kind": "operator" or "break_glass",
//     "name": LOGIN, "session": "ses_..."}. A code that is unknown, late, was used, or whose verifier is another one is a 400, with
//     {"error": "invalid_grant", "message": TEXT}.
//  5. The token goes into Authorization: Bearer of every request of the admin API, for twelve hours at most. DELETE
//     PUBLIC/sign-in/cli/token with that header ends it: 204, also for one that has ended.
package signin
