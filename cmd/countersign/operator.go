package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"time"

	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/store"
	"countersign.dev/internal/store/sqlite"
	"github.com/spf13/cobra"
)

// operator is what every command on a register has in common: where the register is, how to answer, and for commands that
// change something whether to ask and to wait.
type operator struct {
	config string
	data   string
	format string
	yes    bool
	wait   time.Duration
}

// session is one command at work on an open register.
type session struct {
	*registry.Registry
	ctx   context.Context
	store *sqlite.DB
	actor registry.Actor
	out   *output
	at    place
}

// group is a command that only holds others. The flags that all of them have are its persistent ones.
func (o *operator) group(use, short, long string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	o.flags(c)
	c.AddCommand(commands...)
	return c
}

func (o *operator) flags(c *cobra.Command) {
	f := c.PersistentFlags()
	f.StringVar(&o.config, "config", "", "configuration `FILE` of the server; countersign.yaml here or in /etc/countersign unless --data is given")
	f.StringVar(&o.data, "data", "", "`DIR` of the register, instead of a configuration; countersign-data where there is none")
	f.StringVarP(&o.format, "output", "o", "text", "`FORMAT` of the answer: text or json")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]cobra.Completion{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.MarkPersistentFlagDirname("data")
	_ = c.MarkPersistentFlagFilename("config", "yaml", "yml")
}

// changing gives a command the flag of those that change the register.
func (o *operator) changing(c *cobra.Command) *cobra.Command {
	c.Flags().DurationVar(&o.wait, "wait", 0, "wait until every server on this data folder decides by the change, at most this `TIME`")
	c.Flags().Lookup("wait").NoOptDefVal = defaultWait.String()
	return c
}

// asking gives a command the flags of those that cannot be undone.
func (o *operator) asking(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVar(&o.yes, "yes", false, "do it without a question")
	return o.changing(c)
}

// read does work that changes nothing.
func (o *operator) read(c *cobra.Command, work func(s *session) error) error {
	out, err := newOutput(c.OutOrStdout(), c.ErrOrStderr(), o.format)
	if err != nil {
		return err
	}
	at, err := o.locate()
	if err != nil {
		return err
	}
	r, db, err := at.open(c.Context())
	if err != nil {
		return advise(err)
	}
	s := &session{Registry: r, ctx: c.Context(), store: db, actor: localActor(), out: out, at: at}
	return advise(errors.Join(work(s), db.Close()))
}

// change does work that changes the register, and then waits until servers know of it where the user asked for that.
func (o *operator) change(c *cobra.Command, work func(s *session) error) error {
	if o.wait < 0 || o.wait > maxWait {
		return fmt.Errorf("--wait %s: at most %s", o.wait, maxWait)
	}
	return o.read(c, func(s *session) error {
		if err := work(s); err != nil {
			return err
		}
		if o.wait == 0 {
			return nil
		}
		return s.await(o.wait)
	})
}

// withRegister opens the register of an existing data folder beside whatever server runs on it.
func withRegister(ctx context.Context, data string, do func(*registry.Registry) error) error {
	r, db, err := openRegister(ctx, data, false)
	if err != nil {
		return err
	}
	return errors.Join(do(r), db.Close())
}

// localActor is the user of the operating system: whoever has the disk is root (design decision 14). The name comes from the
// system's list of users, never from the environment, which the user could set to be somebody else.
func localActor() registry.Actor {
	id := os.Getuid()
	name := "uid-" + strconv.Itoa(id)
	u, err := user.LookupId(strconv.Itoa(id))
	if id < 0 { // a system without such numbers
		u, err = user.Current()
	}
	if err == nil && u.Username != "" {
		name = u.Username
	}
	return registry.Actor{Kind: registry.Operator, Name: name}
}

// advice says what to do about an error of the register. The first that fits counts.
var advice = []struct {
	err  error
	hint string
}{
	{registry.ErrFourEyes, "let another user of the operating system approve it; the record names both"},
	{registry.ErrState, "countersign partner show PARTNER tells how its reviews and credentials stand, and countersign audit changes how they came to that"},
	{registry.ErrActor, "the record needs the name of an operator"},
	{store.ErrBusy, "another command is writing; try again"},
	{store.ErrReadOnly, "run it as the user that the data folder belongs to, and look whether the disk is mounted read-only"},
	{store.ErrFull, "nothing was changed; make room on the disk and try again"},
	{store.ErrUnsafe, "close the file or folder to others, as the message says"},
	{secret.ErrBusy, "the machine is busy; try again"},
}

// advise adds a hint to an error that has none.
func advise(err error) error {
	if h := (hinted{}); err == nil || errors.As(err, &h) {
		return err
	}
	for _, a := range advice {
		if errors.Is(err, a.err) {
			return hinted{err, a.hint}
		}
	}
	return err
}
