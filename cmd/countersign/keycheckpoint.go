package main

import (
	"crypto/rand"
	"errors"
	"io/fs"

	"countersign.dev/internal/audit/checkpoint"
	"github.com/spf13/cobra"
)

func newKeyCheckpoint(o *operator) *cobra.Command {
	out := ""
	c := &cobra.Command{
		Use:   "checkpoint-new --out FILE",
		Short: "Make a key that signs checkpoints, and its public half",
		Long: `Make a key that signs checkpoints in a new file of mode 0600, and its public half beside it with .pub added to the name. Keep the
private one outside of the data folder and apart from the checkpoints, and give the public one to whoever verifies, at once:
a copy that was taken later proves less. The configuration names the private one as records.checkpoints.key_file; where a book
of checkpoints was begun with another key, begin a new one in another folder, and keep the old with its public key.`,
		Example: "  countersign key checkpoint-new --out /etc/countersign/checkpoint.key",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			answer, err := newOutput(c.OutOrStdout(), c.ErrOrStderr(), o.format)
			if err != nil {
				return err
			}
			signer, err := checkpoint.NewKey(nil, out, rand.Reader)
			if errors.Is(err, fs.ErrExist) {
				return hinted{err, "name a file that is not there yet; a key is never replaced"}
			}
			if err != nil {
				return err
			}
			public := signer.Public()
			view := map[string]string{"key_file": out, "public_key_file": out + ".pub", "key_id": public.ID(), "public_key": public.String()}
			return answer.show(view, "key %s in %s\npublic key in %s.pub: %s", public.ID(), out, out, public)
		},
	}
	c.Flags().StringVar(&out, "out", "", "new `FILE` for the private key")
	_ = c.MarkFlagRequired("out")
	_ = c.MarkFlagFilename("out")
	return c
}
