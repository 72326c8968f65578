package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"time"

	"countersign.dev/internal/engines"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/store"
	"github.com/spf13/cobra"
)

// operator is what every command on a register has in common: where the register is, how to answer, and for commands that
// change something whether to ask and to wait.
type operator struct {
	config string
	data   string
	remote remoteOptions
	format string
	yes    bool
	reason string
	wait   time.Duration
}

// session is one command at work on an open register: the one on this disk, or a server's.
type session struct {
	register
	ctx   context.Context
	disk  *registry.Registry // nil with --server
	store engines.Store      // nil with --server

	remote *remote.Client // nil without --server
	own    *localPlane    // the contract over the register on this disk; nil: not asked for yet

	actor registry.Actor // of what is done on this disk; a server knows by the token who asks
	out   *output
	at    place // nothing is in it with --server
	close func() error

	waiting []*remote.Waiting // changes that wait for another person
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
	o.remote.flags(c)
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

// explained gives a command the flags of those that change the register, and --reason.
func (o *operator) explained(c *cobra.Command) *cobra.Command {
	reasonFlag(c, &o.reason)
	return o.changing(c)
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
	s, err := o.open(c.Context(), out)
	if err != nil {
		return advise(err)
	}
	return advise(errors.Join(s.showWaiting(work(s)), s.close()))
}

// open opens the register of this disk, or the way to a server's.
func (o *operator) open(ctx context.Context, out *output) (*session, error) {
	if server, err := o.server(); err != nil || server != "" {
		if err != nil {
			return nil, err
		}
		return o.connect(ctx, server, out)
	}
	at, err := o.locate()
	if err != nil {
		return nil, err
	}
	r, db, err := at.open(ctx)
	if err != nil {
		return nil, err
	}
	return &session{register: r, ctx: ctx, disk: r, store: db, actor: localActor(), out: out, at: at, close: db.Close}, nil
}

// onDisk does work that needs the server's own disk: its keys, its files, its records.
func (o *operator) onDisk(c *cobra.Command, work func(s *session) error) error {
	if err := o.diskOnly(c); err != nil {
		return err
	}
	return o.read(c, work)
}

// changeOnDisk is change for work that needs the server's own disk.
func (o *operator) changeOnDisk(c *cobra.Command, work func(s *session) error) error {
	if err := o.diskOnly(c); err != nil {
		return err
	}
	return o.change(c, work)
}

// change does work that changes the register, and then waits until servers know of it where the user asked for that.
func (o *operator) change(c *cobra.Command, work func(s *session) error) error {
	if o.wait < 0 || o.wait > maxWait {
		return fmt.Errorf("--wait %s: at most %s", o.wait, maxWait)
	}
	return o.read(c, func(s *session) error {
		if err := s.because(o.reason); err != nil {
			return err
		}
		if s.remote != nil {
			s.remote.Wait(o.wait)
		}
		if err := work(s); err != nil {
			return err
		}
		if o.wait == 0 || len(s.waiting) > 0 {
			return nil
		}
		return s.await(o.wait)
	})
}

// because gives every change of a session its reason: a proposal keeps it, and the record has it.
func (s *session) because(reason string) error {
	if s.remote != nil {
		s.remote.Because(reason)
		return nil
	}
	why, err := s.disk.Because(reason)
	if err == nil {
		s.register = why
	}
	return err
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
	{remote.ErrNotSignedIn, "countersign login --server URL, or a token that has not ended with --token-file"},
	{remote.ErrForbidden, "countersign whoami --server URL tells what this account may; an admin gives roles with countersign account roles"},
	{registry.ErrStale, "look at it again, and then decide again"},
	{remote.ErrAnswer, "is that the address of its operators' plane (admin.listen, admin.public_url)?"},
	{registry.ErrFourEyes, "let another user of the operating system approve it; the record names both"},
	{registry.ErrState, "look at how it stands now, with show or list of the same command; countersign audit changes tells how it came to that"},
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
	if p := (*remote.Problem)(nil); errors.As(err, &p) && errors.Is(err, registry.ErrFourEyes) {
		return hinted{err, "whoever has the role approver, and neither asked for it nor edited it, can; the record names both"}
	}
	for _, a := range advice {
		if errors.Is(err, a.err) {
			return hinted{err, a.hint}
		}
	}
	return err
}
