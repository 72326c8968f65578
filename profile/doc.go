// Package profile reads the profile language: a YAML file that says how a request proves who sent it, compiled to a scheme.Scheme.
//
// It owns: the keys of the file, the expression grammar, and errors with file, line and column. It refuses unknown or misspelt keys (security rule 35),
// anchors, aliases, tags and merge keys, more than one document, and anything beyond its bounds: a profile is untrusted input, so that size, depth and
// number of parts are bounded before a third party's parser sees the text. What a profile means, and whether it is safe, is decided by package scheme.
//
// The attacks it answers: a profile that says less than its author thinks (a key that is silently ignored), and a file that exhausts its reader.
package profile
