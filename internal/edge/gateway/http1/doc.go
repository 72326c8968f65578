// Package http1 serves HTTP/1.1 to the connections of a strict.Listener, in the place of net/http. It owns the life of a
// connection: reading a head, giving the handler an http.Request, framing what the handler answers, keeping the connection or
// ending it, and an orderly end of all. HTTP/2 connections go on to an http.Server, for good.
//
// It parses what strict has let through, and nothing else: every byte of a head has passed strict's scanner before it gets
// here, one message at a time, with its faults marked. So this package decides nothing about framing; it splits lines at the
// places that the scanner has seen. What net/http repairs (a header that it adds for another one, a media type that it guesses)
// it leaves as it came.
//
// The attacks it answers are those of strict, and of an answer that is taken for another one's: an answer that broke off ends
// the connection, a handler that writes more than it declared is stopped, and nothing that a handler holds on to leads to the
// next request but for its header map, which is used again on the same connection.
//
// Why it is here: net/http spends more on a request than all the checks of the gateway together (docs/benchmarks.md). It is a
// setting; net/http stays as the other one.
package http1
