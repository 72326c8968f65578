// Package console is the operators' console: pages below /console/ on the operators' listener, for people who are signed in
// there.
//
// It owns the pages, their forms, and the way of a visitor through them. It does everything through the contract: each page
// asks the operations of the admin API, in the visitor's own name, over a transport that stays in the process. So who may do
// what, in which environment, and who must be asked first is decided in one place, and a page can show no more than a
// program with the same sign-in would get. It refuses a form that another site sent, a form without the key that its page
// gave it, and a body longer than its page needs.
//
// The attacks it answers: a page that does more than its visitor may (it has no right of its own), a form posted by a
// stranger's page (Guard), a change made twice by a second press of a button (one key for one form), a link that leads to
// another site after the sign-in, and names of partners that are written to be read as markup.
package console
