// Package tlsfile keeps a listener's certificates, keys and client authorities as new as the files they come from, while
// the listener runs.
//
// It owns the reading of these files and what is in force of them. Files are looked at by their content, so that a copy in
// place, a rename and the exchange of a symbolic link (as certbot and Kubernetes do it) are all noticed. A new pair counts
// only when it is whole: both files parse, the key belongs to the certificate, the certificate is valid now. It refuses
// everything else and keeps the former pair, and says so: in the log once for each cause, and in Status for readiness and
// metrics. At the start there is no former pair, and a bad one is an error.
//
// It answers the outage in which a renewal that was half written, or written by a broken script, takes the certificate of a
// running server away; and the key that others on the machine can read (security rules 28 and 39).
package tlsfile
