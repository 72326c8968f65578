// Package archtest holds the architecture as a test: which package may import which, one package comment each, files and
// functions of a readable size. It exists so that a shortcut shows up as a failing test with the reason beside it, and not
// as a habit years later. Do not change the rules to make a build pass; change them with a record in docs/adr.
package archtest
