// Package page is the kit that the operators' console and the partners' portal are made of: one layout, one style sheet,
// the pieces of a page (fields, tables, badges, messages, a secret shown once), the headers that protect it, and the files
// a browser loads.
//
// It owns how a page looks and what a page may do in a browser. It refuses, when a surface is built, a template that does
// not parse, a page with a name of the kit's, and an asset that is asked for by a name nobody has. It knows no partner, no
// account and no operation: what is shown is handed in.
//
// The attacks it answers: text of strangers that becomes markup (everything goes through html/template; nothing here
// makes HTML out of text), a page inside somebody else's frame, script or style that is not ours (a content security
// policy without 'unsafe-inline'), a form posted from another site (Guard), and a half page that looks like a whole one
// (a page is rendered before its first byte is sent).
package page
