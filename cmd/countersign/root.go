package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"countersign.dev/internal/audit"
	"github.com/spf13/cobra"
)

// The exit codes of every subcommand.
const (
	exitOK      = 0
	exitRefused = 1 // the thing asked about is not so: a signature that does not match
	exitFailed  = 2 // the command could not do its work: bad flags, unreadable files, a port in use
	exitWaits   = 4 // nothing was changed yet: the change waits as a proposal for another person's approval
)

// errRefused ends a command with exitRefused after it has said everything itself.
var errRefused = errors.New("refused")

// errWaits ends a command with exitWaits after it has said everything itself.
var errWaits = errors.New("waits for approval")

// hinted is an error with a line that says what to do next.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// run executes one command line and returns the exit code. It is main without the process, for tests.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	switch {
	case errors.Is(err, errRefused):
		return exitRefused
	case errors.Is(err, errWaits):
		return exitWaits
	}
	complain(errOut, err, wantsJSON(command, args))
	if c := (coded{}); errors.As(err, &c) {
		return c.code
	}
	return exitFailed
}

// wantsJSON reports whether a command was asked to answer in JSON; its errors are told so, too. Where the flags could not be read
// to their end, the line is searched: what asks for JSON may stand behind the mistake.
func wantsJSON(c *cobra.Command, args []string) bool {
	if f := c.Flag("output"); f != nil && f.Changed {
		return f.Value.String() == "json"
	}
	for i, arg := range args {
		switch arg {
		case "--":
			return false
		case "-ojson", "-o=json", "--output=json":
			return true
		case "-o", "--output":
			return i+1 < len(args) && args[i+1] == "json"
		}
	}
	return false
}

// complain says what went wrong and what to do next. A standard error that nobody empties does not keep the program from
// ending.
func complain(errOut io.Writer, err error, asJSON bool) {
	echo := audit.NewEcho(errOut)
	defer echo.Close()
	h := hinted{}
	errors.As(err, &h)
	if asJSON {
		_ = json.NewEncoder(echo).Encode(struct {
			Error string `json:"error"`
			Hint  string `json:"hint,omitempty"`
		}{err.Error(), h.hint})
		return
	}
	fmt.Fprintf(echo, "countersign: %v\n", err)
	if h.hint != "" {
		fmt.Fprintf(echo, "  hint: %s\n", h.hint)
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "countersign",
		Short:         "The front door of a partner API",
		Long:          "Countersign lets approved partners through to an API, by signed request or access token, and signs requests on the partner's side.",
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.AddCommand(
		newDev(),
		newServe(),
		newReady(),
		newOwnSecrets(),
		newInit(),
		newConfig(),
		newSign(),
		newVerify(),
		newCall(),
		newCaller(),
		newExplain(),
		newProfile(),
		newSigningProxy(),
		newSnippet(),
		newPartner(),
		newCredential(),
		newNetwork(),
		newLimit(),
		newEndpoint(),
		newMember(),
		newReview(),
		newProposal(),
		newWhatIf(),
		newWhy(),
		newAccount(),
		newServiceAccount(),
		newBreakGlass(),
		newSettings(),
		newNode(),
		newKey(),
		newApply(),
		newBackup(),
		newRestore(),
		newStore(),
		newAudit(),
		newLogin(),
		newLogout(),
		newWhoami(),
		newMan(),
		newVersion(),
	)
	plainArgs(root)
	return root
}
