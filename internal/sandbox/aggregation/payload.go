package aggregation

import (
	"bytes"
	"errors"
	"net/http"

	"countersign.dev/internal/sandbox/body"
)

// object reads and parses a body that must be there. Its own Content-Type decides
// how; where that names neither format, the first byte does, because clients forget
// the header.
func (c *call) object() (body.Object, *refusal) {
	text, no := c.bytes()
	if no != nil {
		return body.Object{}, no
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return body.Object{}, bad("a body is needed")
	}
	return c.parse(text)
}

// empty reads the body of a call that has none. All five shapes of nothing pass:
// length 0, no length, {}, null, and length 0 with a form's Content-Type. So does an
// object or document whose fields nobody reads; anything else is refused.
func (c *call) empty() *refusal {
	text, no := c.bytes()
	if no != nil {
		return no
	}
	if trimmed := bytes.TrimSpace(text); len(trimmed) == 0 || string(trimmed) == "null" {
		return nil
	}
	_, no = c.parse(text)
	return no
}

func (c *call) bytes() ([]byte, *refusal) {
	text, err := body.Read(c.http)
	switch {
	case errors.Is(err, body.ErrTooLarge):
		return nil, other(http.StatusRequestEntityTooLarge, "Bad request. ("+err.Error()+")")
	case err != nil:
		return nil, bad(err.Error())
	}
	return text, nil
}

func (c *call) parse(text []byte) (body.Object, *refusal) {
	var object body.Object
	var err error
	switch c.payloadFormat(text) {
	case JSON:
		object, err = body.ParseJSON(text)
	default:
		object, err = body.ParseXML(text)
	}
	if err != nil {
		return body.Object{}, bad(err.Error())
	}
	return object, nil
}

func (c *call) payloadFormat(text []byte) Format {
	switch mediaType(c.http.Header.Get("Content-Type")) {
	case "application/json":
		return JSON
	case "application/xml", "text/xml":
		return XML
	}
	if bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n\xef\xbb\xbf"), []byte("<")) {
		return XML
	}
	return JSON
}
