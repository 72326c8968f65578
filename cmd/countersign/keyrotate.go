package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"countersign.dev/internal/secret"
	"github.com/spf13/cobra"
)

// rotatedView is what a new key came to.
type rotatedView struct {
	NewKey    string   `json:"new_key,omitempty"`
	Resealed  int      `json:"resealed"`   // values
	CanRetire []string `json:"can_retire"` // ids of keys that nothing in the register needs any more
}

func newKeyRotate(o *operator) *cobra.Command {
	var environment string
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Add a key to the key ring and seal every secret again with it",
		Long: `Add a key to the key ring and seal every secret of the register again with it. Servers go on meanwhile and read the new key by
themselves. The old key stays in the file, since backups of the register from before need it; the answer says which keys the
register itself needs no more, and "countersign key retire" drops them. Copy the key file to where its backup is, apart from
those of the register.`,
		Example: "  countersign key rotate --wait",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.changeOnDisk(c, func(s *session) error {
				ring, err := s.at.ringOf(environment)
				if err != nil {
					return err
				}
				file, err := ring.file()
				if err != nil {
					return err
				}
				id, err := file.Add(s.ctx)
				if err != nil {
					return err
				}
				if err := s.disk.NoteKeyAdded(s.ctx, s.actor, environment, id); err != nil {
					return hinted{fmt.Errorf("key %s was added, but not recorded, and nothing is sealed with it yet: %w", keyName(id), err), "countersign key reseal goes on with it"}
				}
				err = s.reseal(fmt.Sprintf("key %s added to %s\n", keyName(id), file.Path), keyName(id))
				if err != nil {
					return hinted{fmt.Errorf("key %s was added, but not everything is sealed with it yet: %w", keyName(id), err), "countersign key reseal goes on with it"}
				}
				return nil
			})
		},
	}
	c.Flags().StringVarP(&environment, "environment", "e", "", "`NAME` of an environment with a key file of its own, instead of the register's")
	completeEnvironments(o, c)
	return o.changing(c)
}

func newKeyReseal(o *operator) *cobra.Command {
	c := &cobra.Command{
		Use:   "reseal",
		Short: "Seal every secret again with the newest keys",
		Long:  "Seal every secret of the register again that is not sealed with the newest key of its ring: after a key was added by hand, or a rotation was interrupted.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.changeOnDisk(c, func(s *session) error { return s.reseal("", "") })
		},
	}
	return o.changing(c)
}

// reseal seals everything again and says what it came to, after what was done before it.
func (s *session) reseal(before, added string) error {
	n, err := s.disk.Reseal(s.ctx, s.actor)
	if err != nil {
		return err
	}
	list, err := s.keys()
	if err != nil {
		return err
	}
	view := rotatedView{NewKey: added, Resealed: n, CanRetire: []string{}}
	for _, k := range list {
		if k.state() == "can be retired" {
			view.CanRetire = append(view.CanRetire, k.ID)
		}
	}
	text := before + plural(n, "value") + " sealed again"
	if len(view.CanRetire) > 0 {
		text += "\nnothing in the register needs any more: " + strings.Join(view.CanRetire, ", ") +
			"\nretire it when no backup of the register from before is needed: countersign key retire " + view.CanRetire[0]
	}
	return s.out.show(view, "%s", text)
}

func newKeyRetire(o *operator) *cobra.Command {
	c := &cobra.Command{
		Use:   "retire ID",
		Short: "Drop an old key from the key ring, when nothing is sealed with it",
		Long: `Drop an old key from the key file. A key with which something in the register is sealed is not dropped, and neither is the
newest. Backups of the register from before the rotation cannot be opened without it: this cannot be undone.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := strconv.ParseUint(args[0], 16, 32)
			if err != nil || keyName(uint32(id)) != args[0] {
				return hinted{fmt.Errorf("%q is not the id of a key", args[0]), "countersign key list shows them: 8 hex digits"}
			}
			return o.onDisk(c, func(s *session) error {
				ring, err := s.ringWith(uint32(id))
				if err != nil {
					return err
				}
				file, err := ring.file()
				if err != nil {
					return err
				}
				if err := o.confirm(c, fmt.Sprintf("key %s is dropped from %s", args[0], file.Path), args[0]); err != nil {
					return err
				}
				if err := file.Retire(s.ctx, uint32(id), s.lastWords(ring, uint32(id))); errors.Is(err, secret.ErrKeyInUse) {
					return hinted{err, "countersign key list shows what each key is needed for"}
				} else if err != nil {
					return err
				}
				return s.out.show(map[string]string{"retired": args[0], "where": file.Path}, "%s: dropped from %s", args[0], file.Path)
			})
		},
	}
	c.Flags().BoolVar(&o.yes, "yes", false, "do it without a question")
	return c
}

// lastWords counts what is sealed with each key, and records the end of one with which nothing is: it is asked last of all
// before the key is dropped. A key that is used is not recorded, since it stays.
func (s *session) lastWords(ring ringPlace, id uint32) func(context.Context) (map[uint32]int, error) {
	return func(ctx context.Context) (map[uint32]int, error) {
		counts, err := s.disk.SealedWith(ctx)
		if err == nil && counts[id] == 0 {
			err = s.disk.NoteKeyRetired(ctx, s.actor, ring.environment(), id)
		}
		return counts, err
	}
}

// ringWith finds the source of keys that holds a key.
func (s *session) ringWith(id uint32) (ringPlace, error) {
	for _, ring := range s.at.ringPlaces() {
		keys, err := ring.source.Keys(s.ctx)
		if err != nil {
			return ringPlace{}, err
		}
		found := false
		for _, key := range keys {
			key.Bytes.Zero()
			found = found || key.ID == id
		}
		if found {
			return ring, nil
		}
	}
	return ringPlace{}, hinted{fmt.Errorf("no key file holds key %s", keyName(id)), "countersign key list shows them"}
}

func newKeyRotateSealing(o *operator) *cobra.Command {
	var environment string
	c := &cobra.Command{
		Use:   "rotate-sealing --environment NAME",
		Short: "Make a new sealing key for an environment's access tokens",
		Long: `Make a new sealing key for the access tokens of an environment. Tokens that the former key sealed count until they expire; to
end those of one app at once, use "countersign credential revoke-tokens"; to end all, because a key leaked, "countersign key
drop-sealing".`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.change(c, func(s *session) error {
				if err := s.knownEnvironment(environment); err != nil {
					return err
				}
				if err := s.RotateSealingKey(s.ctx, s.actor, environment); err != nil {
					return err
				}
				return s.out.show(map[string]string{"environment": environment}, "%s: new access tokens are sealed with a new key", environment)
			})
		},
	}
	environmentFlag(c, &environment, true)
	completeEnvironments(o, c)
	return o.changing(c)
}

// knownEnvironment refuses one that neither the configuration nor the register knows: a slip would make a key for nobody.
func (s *session) knownEnvironment(environment string) error {
	if s.at.config != nil && s.at.config.Environment(environment) != nil {
		return nil
	}
	reviews, err := s.Reviews(s.ctx, "")
	if err != nil {
		return err
	}
	for _, r := range reviews {
		if r.Environment == environment {
			return nil
		}
	}
	return hinted{fmt.Errorf("environment %q is in use nowhere", environment), "name one of the configuration, or one that a partner has a review for"}
}
