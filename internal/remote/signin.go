package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"countersign.dev/api"
)

// SignedIn is what a terminal gets for a code (internal/edge/signin has the contract).
type SignedIn struct {
	Token     string    `json:"token"` // bearer token; never printed
	Kind      string    `json:"kind"`  // "operator" or "break_glass"
	Name      string    `json:"name"`  // for people
	ExpiresAt time.Time `json:"expires_at"`
}

const maxSignedIn = 64 << 10

// Exchange turns the code that the browser brought back into a token, once. verifier is the PKCE secret whose digest the server
// got before (RFC 7636 §4.5).
func (c *Client) Exchange(ctx context.Context, code, verifier string) (SignedIn, error) {
	body, err := json.Marshal(map[string]string{"code": code, "verifier": verifier})
	if err != nil {
		return SignedIn{}, err
	}
	text, err := c.page(ctx, http.MethodPost, "/sign-in/cli/token", body, http.StatusOK)
	if err != nil {
		return SignedIn{}, err
	}
	defer clear(text)
	var got SignedIn
	if err := json.Unmarshal(text, &got); err != nil || CheckToken(got.Token) != nil {
		return SignedIn{}, ErrAnswer
	}
	got.Kind, got.Name = oneLine(got.Kind), oneLine(got.Name)
	return got, nil
}

// SignOut ends the session of the client's token, also where it has ended already.
func (c *Client) SignOut(ctx context.Context) error {
	_, err := c.page(ctx, http.MethodDelete, "/sign-in/cli/token", nil, http.StatusNoContent)
	return err
}

// page asks a page of the sign-in, which the contract of the plane does not hold.
func (c *Client) page(ctx context.Context, method, path string, body []byte, want int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, api.DefaultTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	r.Header.Set("Accept", "application/json")
	if c.agent != "" {
		r.Header.Set("User-Agent", c.agent)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, unreached(c.base, err)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxSignedIn))
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return nil, err
	}
	if answer.StatusCode != want {
		return nil, refusedSignIn(answer.StatusCode, text)
	}
	return text, nil
}

// refusedSignIn tells what a page of the sign-in said, or a problem in its words, and anything else by its status.
func refusedSignIn(status int, text []byte) error {
	var said struct{ Error, Message string }
	if json.Unmarshal(text, &said) == nil && said.Error != "" && said.Message != "" {
		return errors.New(oneLine(said.Message))
	}
	var problem api.Problem
	if json.Unmarshal(text, &problem) == nil && problem.Title != "" {
		return translate(&api.Error{Problem: problem})
	}
	return fmt.Errorf("status %d: %w", status, ErrAnswer)
}
