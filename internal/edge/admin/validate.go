package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"

	"countersign.dev/api"
)

// validate checks a request whose body was read against the contract. false: it has answered.
func (c *call) validate(pathParams map[string]string) bool {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		c.refuse(refusal{kind: api.MalformedRequest, detail: "The query cannot be read: it has an escape or a separator that is none."})
		return false
	}
	faults := c.queryFaults(values)
	input := &openapi3filter.RequestValidationInput{Request: c.r, PathParams: pathParams, QueryParams: values, Route: c.op.route,
		Options: &openapi3filter.Options{MultiError: true, AuthenticationFunc: c.authenticated,
			ExcludeRequestBody: len(c.op.media) > 0 && mediaOf(c.r) == typeBytes}}
	if err := openapi3filter.ValidateRequest(c.r.Context(), input); err != nil {
		faults = append(faults, fieldsOf(err, "")...)
	}
	if len(faults) == 0 {
		return true
	}
	slices.SortFunc(faults, func(a, b field) int { return strings.Compare(a.pointer+a.message, b.pointer+b.message) })
	c.refuse(refusal{kind: api.Invalid, detail: "The request does not fit the contract; errors says where.", errors: slices.Compact(faults)})
	return false
}

// authenticated is what the validator asks: it must never pass a request of somebody whom the pipeline did not.
func (c *call) authenticated(context.Context, *openapi3filter.AuthenticationInput) error {
	if c.who.Kind == "" {
		return errors.New("nobody is signed in")
	}
	return nil
}

// queryFaults are parameters that nobody reads, and those that come twice, of which two readers would take different ones.
func (c *call) queryFaults(values url.Values) (faults []field) {
	for name, list := range values {
		switch {
		case !c.op.query[name]:
			faults = append(faults, field{clip(name, 60), "this operation has no such parameter"})
		case len(list) > 1:
			faults = append(faults, field{name, "it comes more than once"})
		}
	}
	return faults
}

// fieldsOf are the places that a validation error names. Values that were sent are not repeated.
func fieldsOf(err error, in string) (list []field) {
	var many openapi3.MultiError
	var request *openapi3filter.RequestError
	var schema *openapi3.SchemaError
	var security *openapi3filter.SecurityRequirementsError
	switch {
	case errors.As(err, &security):
		return []field{{"", "nobody is signed in"}}
	case asMulti(err, &many):
		for _, one := range many {
			list = append(list, fieldsOf(one, in)...)
		}
		return list
	case asRequest(err, &request):
		if request.Parameter != nil {
			in = request.Parameter.Name
		}
		if request.Err == nil {
			return []field{{in, sentence(request.Reason)}}
		}
		return fieldsOf(request.Err, in)
	case errors.As(err, &schema):
		return []field{{in + pointer(schema.JSONPointer()), schemaMessage(schema)}}
	}
	return []field{{in, "it cannot be read, or is missing"}}
}

// asMulti and asRequest look at err itself: what is inside is walked step by step.
func asMulti(err error, into *openapi3.MultiError) bool {
	many, ok := err.(openapi3.MultiError)
	*into = many
	return ok
}

func asRequest(err error, into **openapi3filter.RequestError) bool {
	request, ok := err.(*openapi3filter.RequestError)
	*into = request
	return ok
}

func pointer(steps []string) string {
	text := ""
	for _, step := range steps {
		text += "/" + escapePointer(step)
	}
	return text
}

// schemaMessage says what a value should be like.
func schemaMessage(e *openapi3.SchemaError) string {
	if !strings.Contains(e.Reason, "jsonschema validation failed") {
		return sentence(e.Reason)
	}
	if e.SchemaField == "" {
		return "it does not fit the contract"
	}
	return "it does not fit the contract: " + e.SchemaField
}

func sentence(text string) string {
	if text == "" {
		return "it does not fit the contract"
	}
	return text
}

// pointerOf and messageOf tell what the JSON decoder met that the contract let pass: a number that is no whole one, a time that
// there is not.
func pointerOf(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return "/" + strings.ReplaceAll(wrong.Field, ".", "/")
	}
	return ""
}

func messageOf(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Sprintf("a %s is no %s", wrong.Value, wrong.Type)
	}
	return "a value cannot be read: a time that there is not, or text that is no number"
}

func mediaOf(r *http.Request) string {
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(media))
}
