package console

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// Config says what New needs. A field is required unless its comment says what its zero means.
type Config struct {
	API  http.Handler // the operators' plane: answers /v1/... in the name of whoever's cookie comes along
	Now  func() time.Time
	Rand io.Reader                    // of the keys of forms
	Log  func(what string, err error) // what went wrong on our side; gets no secret

	SignIn  string // path of the sign-in, which takes ?next=; empty: /sign-in/
	SignOut string // path that the form of the sign-out posts to; empty: /sign-in/out
}

func (c *Config) check() error {
	if c.API == nil || c.Now == nil || c.Rand == nil || c.Log == nil {
		return errors.New("console: API, Now, Rand and Log are required")
	}
	if c.SignIn == "" {
		c.SignIn = "/sign-in/"
	}
	if c.SignOut == "" {
		c.SignOut = "/sign-in/out"
	}
	return nil
}
