package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"countersign.dev/internal/partner"
)

// noun is how one kind of document is made from its Go type and back. T is a struct without maps, so that
// its JSON has one form.
type noun[T any] struct {
	kind string
	row  func(T) partner.Document // all but kind and body
}

// encode is v as a row. The body is the JSON of v in the order of its fields, so that equal values have equal digests.
func (n noun[T]) encode(v T) (partner.Document, error) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return partner.Document{}, fmt.Errorf("encode %s: %w", n.kind, err)
	}
	d := n.row(v)
	d.Kind, d.Body = n.kind, bytes.TrimSuffix(body.Bytes(), []byte{'\n'})
	return d, d.Validate()
}

// decode reads what encode made; a row that this version cannot read whole is an error, never half a value.
func (n noun[T]) decode(d partner.Document) (v T, err error) {
	dec := json.NewDecoder(bytes.NewReader(d.Body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		return v, fmt.Errorf("read %s %s: %w", n.kind, d.ID, err)
	}
	return v, nil
}

func (n noun[T]) put(tx Tx, v T) error {
	d, err := n.encode(v)
	if err != nil {
		return err
	}
	return tx.PutDocument(d)
}

// get finds one by its id, or ErrNotFound.
func (n noun[T]) get(tx Tx, id string) (v T, err error) {
	d, found, err := tx.Document(n.kind, id)
	if err != nil {
		return v, err
	}
	if !found {
		return v, fmt.Errorf("%s %q: %w", n.kind, id, ErrNotFound)
	}
	return n.decode(d)
}

// find finds one by its alias.
func (n noun[T]) find(tx Tx, alias string) (v T, found bool, err error) {
	d, found, err := tx.DocumentByAlias(n.kind, alias)
	if err != nil || !found {
		return v, false, err
	}
	v, err = n.decode(d)
	return v, err == nil, err
}

// list lists what q asks for; its Kind is set here.
func (n noun[T]) list(tx Tx, q partner.DocumentQuery) ([]T, error) {
	q.Kind = n.kind
	rows, err := tx.Documents(q)
	if err != nil {
		return nil, err
	}
	out := make([]T, 0, len(rows))
	for _, d := range rows {
		v, err := n.decode(d)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// within is the registry inside a transaction that has begun: what its use cases do stands or falls with it, and a failed one
// must fail the transaction.
func (r *Registry) within(tx Tx) *Registry {
	inner := *r
	inner.store = nested{tx}
	return &inner
}

// nested is a store that is one transaction.
type nested struct{ tx Tx }

func (n nested) View(_ context.Context, read func(Tx) error) error     { return read(n.tx) }
func (n nested) Update(_ context.Context, change func(Tx) error) error { return change(n.tx) }
func (n nested) Aside(_ context.Context, write func(Tx) error) error   { return write(n.tx) }
func (n nested) Revision(context.Context) (uint64, error)              { return n.tx.Revision() }
