// Package explain finds out why a signature did not match, on the side of somebody who has the secret.
//
// It owns: reading a request as it was sent (raw, or a curl command line), and the guesses at what was done differently when it
// was signed. A guess is reported only if it reproduces the signature that was presented; otherwise the report says that none
// does, and shows the bytes that a server verifies. It refuses to guess what a shell would expand, and gives out no MAC.
//
// The need it answers is the most frequent one of everybody who integrates a signed API: one text for every cause, and hours
// lost (security rules 4 and 9 forbid the server to say more).
package explain
