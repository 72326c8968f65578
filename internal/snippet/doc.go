// Package snippet writes the code with which a partner calls an API: one whole program in one of eight languages, with nothing
// but that language's own library.
//
// It owns the intermediate form between a profile and code (a list of parts that come one after another, their encodings, the
// key's decoding), one writer for each language, and the programs' templates. It refuses profiles that need more than that:
// what it cannot write exactly it does not write, and names the construct and the signing proxy instead.
//
// The accidents it answers: a secret pasted into code or shown in the list of processes (the programs take credentials from
// the environment, and the shell's HMAC is computed without a key on a command line), a body that is signed in one form and
// sent in another, text of a request that ends a string of the program it stands in, and credentials that follow a redirect.
package snippet
