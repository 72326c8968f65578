package extauthz

import (
	"unicode/utf8"

	"countersign.dev/internal/edge/door"
	"countersign.dev/internal/edge/problem"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
)

// The fields of the answer, from envoy/service/auth/v3/external_auth.proto and what it imports.
const (
	responseStatus, responseDenied, responseOK, responseMetadata = 1, 2, 3, 4 // CheckResponse
	okHeaders, okRemove, okResponseHeaders                       = 2, 5, 6    // OkHttpResponse
	deniedStatus, deniedHeaders, deniedBody                      = 1, 2, 3    // DeniedHttpResponse
	optionHeader, optionAppend, optionAction                     = 1, 2, 3    // config.core.v3.HeaderValueOption
	entryKey, entryValue                                         = 1, 2       // HeaderValue, and an entry of a map
	structFields                                                 = 1          // google.protobuf.Struct
	valueString                                                  = 3          // google.protobuf.Value
	firstField                                                   = 1          // code, of google.rpc.Status and of type.v3.HttpStatus

	overwrite = 2 // HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
)

// appendAnswer writes a CheckResponse for a.
//
// A refusal is always a denied_response with its own status, also where we broke: an error_response, or an error of the call,
// would be let through by a filter with failure_mode_allow.
func appendAnswer(b []byte, a *door.Answer, remove []string) []byte {
	if a.Allowed {
		b = appendMessage(b, responseStatus, func(b []byte) []byte { return b }) // code 0: OK
		b = appendMessage(b, responseOK, func(b []byte) []byte { return appendOK(b, a, remove) })
	} else {
		b = appendMessage(b, responseStatus, func(b []byte) []byte { return appendNumber(b, firstField, uint64(statusCode(a.Status))) })
		b = appendMessage(b, responseDenied, func(b []byte) []byte { return appendDenied(b, a.Status, a.Header, a.Body) })
	}
	return appendMessage(b, responseMetadata, func(b []byte) []byte { return appendMetadata(b, a) })
}

// appendOK writes what the filter does with a request that is let in. The filter sets headers first and removes some afterwards,
// so that none may be in both lists.
func appendOK(b []byte, a *door.Answer, remove []string) []byte {
	for _, f := range a.Identity() {
		b = appendHeader(b, okHeaders, f)
	}
	for _, name := range remove {
		b = protowire.AppendTag(b, okRemove, protowire.BytesType)
		b = appendLower(b, name)
	}
	for _, f := range a.Header {
		b = appendHeader(b, okResponseHeaders, f)
	}
	return b
}

// appendDenied writes the answer to the caller. A status that HTTP has not (499, the caller has left) reads 503.
func appendDenied(b []byte, status int, header []problem.Field, body []byte) []byte {
	b = appendMessage(b, deniedStatus, func(b []byte) []byte { return appendNumber(b, firstField, uint64(httpStatus(status))) })
	for _, f := range header {
		b = appendHeader(b, deniedHeaders, f)
	}
	if len(body) > 0 && utf8.Valid(body) { // the field is a string; ours are
		b = protowire.AppendTag(b, deniedBody, protowire.BytesType)
		b = protowire.AppendBytes(b, body)
	}
	return b
}

func httpStatus(status int) int {
	if status < 200 || status > 599 || status == 499 {
		return 503
	}
	return status
}

// statusCode is the gRPC code beside an HTTP status (google/rpc/code.proto). The filter asks only whether it is OK.
func statusCode(status int) codes.Code {
	switch status {
	case 400:
		return codes.InvalidArgument
	case 401:
		return codes.Unauthenticated
	case 404:
		return codes.NotFound
	case 429:
		return codes.ResourceExhausted
	case 500:
		return codes.Internal
	case 503, 499:
		return codes.Unavailable
	}
	return codes.PermissionDenied
}

// appendHeader writes a HeaderValueOption that replaces what is there. Both ways to say so are used: servers that know
// append_action read append first, and those that do not know it read nothing else.
func appendHeader(b []byte, number protowire.Number, f problem.Field) []byte {
	return appendMessage(b, number, func(b []byte) []byte {
		b = appendMessage(b, optionHeader, func(b []byte) []byte {
			b = protowire.AppendTag(b, entryKey, protowire.BytesType)
			b = appendLower(b, f.Name)
			return appendString(b, entryValue, f.Value)
		})
		b = appendMessage(b, optionAppend, func(b []byte) []byte { return b }) // BoolValue: false
		return appendNumber(b, optionAction, overwrite)
	})
}

// appendMetadata writes what the proxy's access log can say of the check.
func appendMetadata(b []byte, a *door.Answer) []byte {
	b = appendEntry(b, "request_id", a.RequestID())
	b = appendEntry(b, "reason", a.Reason().String())
	if who := a.Who(); who.Partner != "" {
		b = appendEntry(b, "partner", who.Partner)
		b = appendEntry(b, "credential", who.Credential)
		b = appendEntry(b, "api", who.API)
	}
	return b
}

func appendEntry(b []byte, key, value string) []byte {
	return appendMessage(b, structFields, func(b []byte) []byte {
		b = appendString(b, entryKey, key)
		return appendMessage(b, entryValue, func(b []byte) []byte { return appendString(b, valueString, value) })
	})
}

func appendString(b []byte, number protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), value)
}

func appendNumber(b []byte, number protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), value)
}

// appendLower writes a name with its length, in lower case, as HTTP/2 and the proxy have it.
func appendLower(b []byte, name string) []byte {
	b = protowire.AppendVarint(b, uint64(len(name)))
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// appendMessage writes a message within a message. Its length is put before it when it is known.
func appendMessage(b []byte, number protowire.Number, write func([]byte) []byte) []byte {
	b = append(protowire.AppendTag(b, number, protowire.BytesType), 0)
	begin := len(b)
	b = write(b)
	size := len(b) - begin
	if more := protowire.SizeVarint(uint64(size)) - 1; more > 0 {
		b = append(b, make([]byte, more)...)
		copy(b[begin+more:], b[begin:begin+size])
	}
	protowire.AppendVarint(b[:begin-1], uint64(size))
	return b
}
