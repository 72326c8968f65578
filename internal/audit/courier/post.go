package courier

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"countersign.dev/internal/audit/checkpoint"
)

// errToken is a token that cannot stand in a header. It is not shown.
var errToken = errors.New("the token for the receiver of checkpoints is not one word of visible ASCII")

// post sends one statement; nil: the receiver has it.
func (c *Courier) post(ctx context.Context, line []byte, st checkpoint.Statement) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.URL, bytes.NewReader(line))
	if err != nil {
		return errors.New("make a request to the receiver of checkpoints")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", Key(st))
	if err := c.authorize(r); err != nil {
		return err
	}
	answer, err := c.client.Do(r)
	if err != nil {
		return wrapped(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer)); err != nil {
		return wrapped(err)
	}
	switch {
	case answer.StatusCode >= 200 && answer.StatusCode <= 299:
		return nil
	case answer.StatusCode == http.StatusConflict:
		return fmt.Errorf("%w: %w: %s", ErrRefused, ErrContradiction, Key(st))
	}
	return fmt.Errorf("%w: it answered %d", ErrRefused, answer.StatusCode)
}

// Key is the Idempotency-Key of a statement: record, its id and the number in the book.
func Key(st checkpoint.Statement) string {
	return fmt.Sprintf("%s-%s-%d", st.Record, st.ID, st.Number)
}

func (c *Courier) authorize(r *http.Request) error {
	if c.cfg.Token == nil {
		return nil
	}
	token, err := c.cfg.Token()
	if err != nil {
		return fmt.Errorf("read the token for the receiver of checkpoints: %w", err)
	}
	if token == "" || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return errToken
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return nil
}
