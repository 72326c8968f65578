package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"countersign.dev/scheme"
	"github.com/spf13/cobra"
)

func newVerify() *cobra.Command {
	var o signingOptions
	var at int64
	var window time.Duration
	var format string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check the signature of a request, offline",
		Long: `Check the signature of a request as the gateway would, with the secret at hand. Exit code 0: the signature is good;
1: it is not, and the first line says why; 2: the command could not be carried out.`,
		Example: `  countersign verify --secret-file secret -t /api/v1/cards/1 -H 'X-Auth-Token: ...' -H 'X-Auth-Timestamp: ...' -H 'X-Auth-Signature: ...'`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, key, request, err := o.load(c)
			if err != nil {
				return err
			}
			now := clock()
			if at != 0 {
				now = time.Unix(at, 0)
			}
			var p scheme.Presented
			fault := s.Parse(request, &p)
			if fault == nil {
				fault = s.ParseBody(request, &p)
			}
			if fault == nil && o.showInput {
				if err := printInput(c.ErrOrStderr(), s, request, &p); err != nil {
					return err
				}
			}
			if fault == nil {
				fault = s.Fresh(&p, now, window)
			}
			if fault == nil {
				var digest [32]byte
				fault = s.Verify(&key, request, &p, &digest)
			}
			return printVerdict(c.OutOrStdout(), fault, format)
		},
	}
	o.flags(c)
	f := c.Flags()
	f.Int64Var(&at, "at", 0, "Unix `SECONDS` to judge the timestamp at instead of now")
	f.DurationVar(&window, "window", 0, "time window instead of the profile's")
	f.StringVarP(&format, "output", "o", "text", "`FORMAT`: text or json")
	return c
}

// verdict is the outcome as JSON.
type verdict struct {
	Valid  bool   `json:"valid"`
	Fault  string `json:"fault,omitempty"`
	Where  string `json:"where,omitempty"`
	Detail string `json:"detail,omitempty"`
}

func printVerdict(w io.Writer, fault *scheme.Fault, format string) error {
	v := verdict{Valid: fault == nil}
	if fault != nil {
		v.Fault, v.Where, v.Detail = fault.Kind.String(), fault.Where, fault.Detail
	}
	var err error
	switch {
	case format == "json":
		err = json.NewEncoder(w).Encode(v)
	case format != "text":
		return hinted{fmt.Errorf("unknown output format %q", format), "text or json"}
	case v.Valid:
		_, err = fmt.Fprintln(w, "the signature is good")
	default:
		_, err = fmt.Fprintf(w, "%s: %s\n", v.Fault, fault.Error())
	}
	if err == nil && fault != nil {
		err = errRefused
	}
	return err
}
