// Package upstream carries verified requests to the protected service and
// brings its answers back.
//
// It owns the connections to one upstream: dialling, pooling, the bytes of the
// request line, head and body, and the reading of answers. Two implementations
// stand behind Doer: a lean HTTP/1.1 client for plain http upstreams and the
// standard transport, held to the same contract, for https ones (design
// decision 12).
//
// It refuses to send what could be read in two ways (CR, LF or NUL in a target
// or header, framing headers set by the caller, CONNECT) and to pass on an
// answer that could be (two lengths, length beside encoding, folded lines, bare
// LF, bad chunks, a switch of protocol). A request that an upstream may have
// received is never sent again unless its method is safe.
//
// The attacks it answers: a re-encoded target that is not the verified one
// (security rule 25), framing that two parties read differently (rule 24), an
// upstream that answers without end (rule 26), and a late or doubled answer
// that is handed to the next caller (design decision 12).
package upstream
