package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

const (
	maxParams      = 16 << 20 // bytes: a file of evidence in base64
	maxParamsDepth = 12
)

// job is one operation as its do-function sees it. Every name has one such function, doNetworkAllow(ctx, job, NetworkAllow), a
// method of the registry inside the running transaction (within): it calls the use case, and fails the whole where that fails.
type job struct {
	tx       Tx
	actor    Actor // in whose name the change is recorded: who asked for it
	op       Operation
	reason   string
	prepared *prepared // what takes long and is made before the transaction: credential.issue and credential.rotate alone
}

// command is an operation that was read: its parameters as a Go value, and what to call with them.
type command struct {
	op     Operation // Params in their one form
	params any
	run    func(ctx context.Context, r *Registry, j job) (Done, error)
}

// bind reads the parameters of op for do.
func bind[P any](op Operation, do func(*Registry, context.Context, job, P) (Done, error)) (command, error) {
	var p P
	if err := decodeParams(op.Params, &p); err != nil {
		return command{}, fmt.Errorf("%w: the parameters of %s: %s", ErrArgument, op.Name, clip(err.Error(), 300))
	}
	raw, err := encodeJSON(p)
	if err != nil {
		return command{}, fmt.Errorf("%w: the parameters of %s: %s", ErrArgument, op.Name, clip(err.Error(), 300))
	}
	op.Params = raw
	run := func(ctx context.Context, r *Registry, j job) (Done, error) { return do(r, ctx, j, p) }
	return command{op: op, params: p, run: run}, nil
}

// decodeParams reads one JSON object into a struct, and refuses what two readers could understand differently: unknown and
// doubled names, names in another case, text after the object. Nothing stands for the empty object.
func decodeParams(raw []byte, into any) error {
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	if len(raw) > maxParams {
		return fmt.Errorf("more than %d bytes", maxParams)
	}
	if err := checkJSON(raw); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

// checkJSON allows one JSON object whose names are of a-z, 0-9 and _, none twice in one object, of bounded depth.
func checkJSON(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	first, err := dec.Token()
	if err != nil {
		return err
	}
	if first != json.Delim('{') {
		return fmt.Errorf("not a JSON object")
	}
	if err := checkObject(dec, 1); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("text after the object")
	}
	return nil
}

// checkObject reads on until the end of an object that has begun.
func checkObject(dec *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		odd := func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' }
		if seen[name] || name == "" || strings.ContainsFunc(name, odd) {
			return fmt.Errorf("the name %q is not one of a-z, 0-9 and _, or comes twice", clip(name, 60))
		}
		seen[name] = true
		if err := checkValue(dec, depth); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

func checkValue(dec *json.Decoder, depth int) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	delim, nested := token.(json.Delim)
	switch {
	case !nested:
		return nil
	case depth == maxParamsDepth:
		return fmt.Errorf("nested deeper than %d", maxParamsDepth)
	case delim == '{':
		return checkObject(dec, depth+1)
	}
	for dec.More() {
		if err := checkValue(dec, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// encodeJSON writes v in the order of its fields, without escapes that JSON does not need.
func encodeJSON(v any) (json.RawMessage, error) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(body.Bytes(), []byte{'\n'}), nil
}
