package doortest

// What the real programs showed, with the files of deploy/: Debian's nginx, HAProxy and Caddy. A line that begins with "=" says why; each
// line behind it has the status (0: no answer), the reason of the record ("-": none is known), whether it arrives, and the cases.
const (
	nginxRows = `
= nginx refuses it by itself, with an answer of its own, before anybody is asked. Nothing arrives and nothing is recorded.
400 - ends: escaped NUL; no slash at the start; invalid escape; half an escape; control byte; DEL; space
400 - ends: method in lower case; length beside chunks; chunks beside length 0; chunked twice; chunks under HTTP/1.0
400 - ends: two equal lengths; two lengths; list of lengths; length with a sign; negative length; hexadecimal length
400 - ends: length without digits; chunk's size with 0x; chunk's size with a sign; chunk longer than its size
400 - ends: bare CR in a value; folded field; folded credential; space before the colon; NUL in a value; two hosts; no host
400 - ends: host with a user; tab in the request line; CONNECT
405 - ends: TRACE
501 - ends: chunked and identity; xchunked
413 - ends: body over the cap, declared; body over the cap, in chunks
= nginx takes the path out of the absolute form before it asks, and the signature is not of that.
401 bad_signature ends: absolute form; absolute form of another host
= nginx reads the line, and the target is refused instead of the bytes.
400 malformed_target ends: target over 8 KiB
= nginx removes only the headers that its configuration lists, so that a request with any other of the identity name space is refused.
400 malformed_header ends: own identity headers
= nginx drops fields whose names have other characters than letters, digits, hyphens and underscores before anybody is asked (ignore_invalid_headers). They do not arrive.
200 allowed arrives: dot in a name
= nginx mends it, or takes it for good, before it asks. What is decided about is what it forwards, in bytes of its own, so that the upstream is not deceived by it.
200 allowed arrives: chunk extension; bare LF behind a chunk's size; trailer that is folded; bare LF
200 allowed arrives: bare LF behind the request line; field without a colon; two spaces; unknown expectation
200 allowed arrives: head over 32 KiB; over 100 fields
= What nginx tells of the request is not one that the door believes: another version of HTTP, or a target that nginx has written in its own way. Refused as a question that contradicts itself.
400 malformed_check ends: version 1.2
`

	nginxAuthRequestRows = `
= The body stays with nginx and is not shown to the door. On an API that signs bodies a request that has one, or may have one, is refused, whatever else is wrong with it: nothing is taken on trust.
403 body_not_seen ends: signed POST with a body; signed PUT with a body; signed PATCH with a body; signed DELETE with a body
403 body_not_seen ends: signed POST in chunks; signed POST in two chunks; empty POST in chunks; POST that waits to be asked
403 body_not_seen ends: body of every byte; body of 100 KiB; another body; a longer body; another method; another path
403 body_not_seen ends: another query; a query less; an empty parameter more; a body behind a signature of none
403 body_not_seen ends: a body behind a signed GET of none; replayed POST; chunk extension; bare LF behind a chunk's size
403 body_not_seen ends: chunk's size with 0x; chunk's size with a sign; chunk longer than its size; trailer that is folded
403 body_not_seen ends: body that breaks off; chunks that break off; body over the cap, in chunks
403 body_not_seen ends: body that goes on like the target
= Only 401 and 403 of a refusal reach the caller through auth_request, so that every other one is a 403. The record has the same reason.
403 duplicate_header ends: a token twice; another time beside the signed one; key id twice, equal; signature twice, different
403 malformed_timestamp ends: timestamp with a sign
403 malformed_header ends: empty signature; short signature; signature of odd length; long signature
403 malformed_header ends: signature in other letters; underscore in a name; identity with an underscore
403 malformed_target ends: empty segment; empty segment at the start; escaped slash; escaped slash in the base; dot segment
403 malformed_target ends: dot segments; dot segments out of the base; dot segments at the end; escaped dots
403 malformed_target ends: escaped dot alone; escaped backslash; backslash; semicolon in the path; semicolon behind dots
403 malformed_target ends: fragment; fragment in the query; invalid escape in the query; percent at the query's end
403 malformed_target ends: beyond ASCII in the path; beyond ASCII in the query
403 unknown_api ends: a path of nobody; a longer segment; a shorter path; another case
403 upgrade_not_allowed ends: upgrade to a WebSocket; upgrade to h2c
403 hop_by_hop_header ends: Connection names X-Auth-Token; Connection names x-auth-signature
403 hop_by_hop_header ends: Connection names X-Forwarded-For; Connection names countersign-partner
403 hop_by_hop_header ends: Connection names close, Host; Connection names X-Any; Connection names Content-Length
= nginx refuses it by itself, with an answer of its own, before anybody is asked. Nothing arrives and nothing is recorded.
400 - ends: escaped NUL; no slash at the start; invalid escape; half an escape; control byte; DEL; space
400 - ends: method in lower case; length beside chunks; chunks beside length 0; chunked twice; chunks under HTTP/1.0
400 - ends: two equal lengths; two lengths; list of lengths; length with a sign; negative length; hexadecimal length
400 - ends: length without digits; bare CR in a value; folded field; folded credential; space before the colon
400 - ends: NUL in a value; two hosts; no host; tab in the request line; CONNECT
405 - ends: TRACE
501 - ends: chunked and identity; xchunked
413 - ends: body over the cap, declared
= nginx takes the path out of the absolute form before it asks, and the signature is not of that.
401 bad_signature ends: absolute form; absolute form of another host
= nginx reads the line, and the target is refused instead of the bytes; auth_request makes it a 403.
403 malformed_target ends: target over 8 KiB
= nginx removes only the headers that its configuration lists, so that a request with any other of the identity name space is refused.
403 malformed_header ends: own identity headers
= nginx drops fields whose names have other characters than letters, digits, hyphens and underscores before anybody is asked (ignore_invalid_headers). They do not arrive.
200 allowed arrives: dot in a name
= nginx mends it, or takes it for good, before it asks. What is decided about is what it forwards, in bytes of its own, so that the upstream is not deceived by it.
200 allowed arrives: bare LF; bare LF behind the request line; field without a colon; two spaces; unknown expectation
200 allowed arrives: head over 32 KiB; over 100 fields
= nginx cannot make a question or an answer of it and fails, closed. Nothing arrives.
500 - ends: host with a user
= What nginx tells of the request is not one that the door believes: another version of HTTP, or a target that nginx has written in its own way. Refused as a question that contradicts itself.
403 malformed_check ends: version 1.2
`

	haproxyRows = `
= HAProxy hands over a body that has a declared length and that it could hold whole, within tune.bufsize. Any other is refused and never taken on trust.
400 body_not_seen ends: signed POST in chunks; signed POST in two chunks; body of 100 KiB; length beside chunks
400 body_not_seen ends: chunks beside length 0; chunks under HTTP/1.0; chunk extension; bare LF behind a chunk's size
400 body_not_seen ends: trailer that is folded; body over the cap, in chunks
= HAProxy refuses it by itself, with an answer of its own, before anybody is asked. Nothing arrives and nothing is recorded.
400 - ends: fragment; fragment in the query; beyond ASCII in the path; beyond ASCII in the query; absolute form
400 - ends: absolute form of another host; no slash at the start; control byte; DEL; space; chunked twice
400 - ends: chunked and identity; xchunked; two lengths; length with a sign; negative length; hexadecimal length
400 - ends: length without digits; chunk's size with 0x; chunk's size with a sign; chunk longer than its size
400 - ends: bare CR in a value; space before the colon; field without a colon; two hosts; over 100 fields; CONNECT
= HAProxy reads the line, and the target is refused instead of the bytes.
400 malformed_target ends: invalid escape; half an escape; target over 8 KiB
= HAProxy mends it, or takes it for good, before it asks. What is decided about is what it forwards, in bytes of its own, so that the upstream is not deceived by it.
200 allowed arrives: two equal lengths; list of lengths; bare LF; bare LF behind the request line; folded field
200 allowed arrives: folded credential; two spaces; tab in the request line; unknown expectation; head over 32 KiB
= HAProxy reads the head, and the host is refused instead of the bytes.
400 host_mismatch ends: no host; host with a user
= HAProxy cannot make a question or an answer of it and fails, closed. Nothing arrives.
503 - ends: NUL in a value
= What HAProxy tells of the request is not one that the door believes: another version of HTTP, or a target that HAProxy has written in its own way. Refused as a question that contradicts itself.
400 malformed_check ends: version 1.2
= HAProxy ends the connection without an answer. Nothing arrives.
0 - ends: body over the cap, declared
`

	caddyRows = `
= The body stays with Caddy and is not shown to the door. On an API that signs bodies a request that has one, or may have one, is refused, whatever else is wrong with it: nothing is taken on trust.
400 body_not_seen ends: signed POST with a body; signed PUT with a body; signed PATCH with a body; signed DELETE with a body
400 body_not_seen ends: signed POST in chunks; signed POST in two chunks; POST that waits to be asked; body of every byte
400 body_not_seen ends: body of 100 KiB; another body; a longer body; another method; another path; another query
400 body_not_seen ends: a query less; an empty parameter more; a body behind a signature of none
400 body_not_seen ends: a body behind a signed GET of none; replayed POST; length beside chunks; chunks beside length 0
400 body_not_seen ends: two equal lengths; chunk extension; bare LF behind a chunk's size; chunk longer than its size
400 body_not_seen ends: trailer that is folded; body over the cap, in chunks; body that goes on like the target
= What Caddy tells of the request is not one that the door believes: another version of HTTP, or a target that Caddy has written in its own way. Refused as a question that contradicts itself.
400 malformed_check ends: backslash; fragment; beyond ASCII in the path; absolute form; version 1.2; CONNECT
= Caddy answers an empty 200 by itself: it has no site of that name, or its caller has left. Nothing arrives and nothing is recorded.
200 - ends: absolute form of another host; body over the cap, declared
= Caddy refuses it by itself, with an answer of its own, before anybody is asked. Nothing arrives and nothing is recorded.
400 - ends: no slash at the start; invalid escape; half an escape; control byte; DEL; space; two lengths; list of lengths
400 - ends: length with a sign; negative length; hexadecimal length; bare CR in a value; space before the colon
400 - ends: field without a colon; NUL in a value; two hosts; no host; host with a user; two spaces; tab in the request line
501 - ends: chunked twice; chunked and identity; xchunked
417 - ends: unknown expectation
= Caddy reads the line, and the target is refused instead of the bytes.
400 malformed_target ends: target over 8 KiB
= Caddy reads the request as one without that body before it asks, and the signature is not of that.
401 bad_signature ends: chunks under HTTP/1.0; length without digits; chunk's size with 0x; chunk's size with a sign
= Caddy mends it, or takes it for good, before it asks. What is decided about is what it forwards, in bytes of its own, so that the upstream is not deceived by it.
200 allowed arrives: bare LF; bare LF behind the request line; folded field; folded credential; head over 32 KiB
200 allowed arrives: over 100 fields
= Caddy answers an empty 200 by itself where the caller breaks off. Nothing arrives and nothing is recorded.
200 - ends: body that breaks off; chunks that break off
`
)
