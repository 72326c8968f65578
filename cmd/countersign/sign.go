package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"time"

	"countersign.dev/scheme"
	"github.com/spf13/cobra"
)

func newSign() *cobra.Command {
	var o signingOptions
	var keyID, nonce, format string
	var at int64
	c := &cobra.Command{
		Use:   "sign",
		Short: "Print the headers that sign a request",
		Long: `Print the headers that sign a request, one "Name: value" a line, as curl takes them with -H @-.
Nothing is sent. The secret comes from a file or from $COUNTERSIGN_SECRET, never from the command line.`,
		Example: `  countersign sign --key-id TOKEN --secret-file secret -X PATCH -t /api/v1/update-card-status/10031000000000000001 -d body.json`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, key, request, err := o.load(c)
			if err != nil {
				return err
			}
			claims := scheme.Claims{KeyID: keyID, Time: clock(), Nonce: nonce}
			if at != 0 {
				claims.Time = time.Unix(at, 0)
			}
			if s.HasNonce() && nonce == "" {
				claims.Nonce = freshNonce()
			}
			fields, err := s.Sign(&key, request, claims)
			if err != nil {
				return fmt.Errorf("sign: %w", err)
			}
			if o.showInput {
				if err := showInput(c.ErrOrStderr(), s, request, claims); err != nil {
					return err
				}
			}
			return printSigned(c.OutOrStdout(), request, fields, format)
		},
	}
	o.flags(c)
	f := c.Flags()
	f.StringVarP(&keyID, "key-id", "k", "", "the API token, or whatever the profile calls the key id")
	f.StringVar(&nonce, "nonce", "", "nonce, for profiles that have one; random unless given")
	f.Int64Var(&at, "at", 0, "Unix `SECONDS` to sign for instead of now")
	f.StringVarP(&format, "output", "o", "headers", "`FORMAT`: headers, json, or, for profiles that sign elsewhere, target or body: what is to be sent")
	return c
}

func freshNonce() string {
	var random [16]byte
	_, _ = rand.Read(random[:])
	return hex.EncodeToString(random[:])
}

// showInput prints the signed bytes as a quoted text, in which every invisible character is visible.
func showInput(w io.Writer, s *scheme.Scheme, request *scheme.Request, claims scheme.Claims) error {
	var p scheme.Presented
	if err := s.Present(request, claims, &p); err != nil {
		return err
	}
	return printInput(w, s, request, &p)
}

func printInput(w io.Writer, s *scheme.Scheme, request *scheme.Request, p *scheme.Presented) error {
	input, err := s.Canonical(request, p)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "signed input, %d bytes: %q\n", len(input), input)
	return err
}

// printSigned prints what signing adds to a request: headers, or the target or body that carries the signature.
func printSigned(w io.Writer, request *scheme.Request, fields []scheme.Field, format string) error {
	signed, err := scheme.Apply(request, fields)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	elsewhere := ""
	for _, f := range fields {
		switch f.In {
		case scheme.InQuery:
			elsewhere = "target"
		case scheme.InForm, scheme.InJSON:
			elsewhere = "body"
		}
	}
	switch {
	case format == "target":
		_, err = fmt.Fprintln(w, signed.Target)
		return err
	case format == "body":
		_, err = w.Write(signed.Body)
		return err
	case elsewhere != "":
		return hinted{fmt.Errorf("this profile signs in the %s, not in headers", elsewhere), "print the one to send with --output " + elsewhere}
	}
	return printFields(w, fields, format)
}

func printFields(w io.Writer, fields []scheme.Field, format string) error {
	switch format {
	case "headers":
		for _, f := range fields {
			if _, err := fmt.Fprintf(w, "%s: %s\n", f.Name, f.Value); err != nil {
				return err
			}
		}
		return nil
	case "json":
		object := map[string]string{}
		for _, f := range fields {
			object[f.Name] = f.Value
		}
		return json.NewEncoder(w).Encode(object)
	}
	return hinted{fmt.Errorf("unknown output format %q", format), "headers, json, target or body"}
}

func canonical(name string) string { return textproto.CanonicalMIMEHeaderKey(name) }
