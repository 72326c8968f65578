// Package acme gets certificates from a certificate authority by itself (RFC 8555), with challenges that are answered in the
// TLS handshake of the listener that needs them (TLS-ALPN-01, RFC 8737): no other port is opened, and no HTTP is answered.
//
// It owns the folder with account and certificates, and their renewal. It refuses names that were not listed: a stranger's
// handshake never makes the server ask for a certificate. It does the work only in a build with the tag acme; every other build
// says so instead of serving without one (security rule 28).
//
// The attack it answers is the one on whoever forgets to renew; the private keys that it makes lie in its folder, mode 0600.
package acme
