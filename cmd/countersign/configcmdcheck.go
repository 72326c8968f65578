package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/config"
	"github.com/spf13/cobra"
)

func newConfigCheck() *cobra.Command {
	var format string
	var environments []string
	c := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Say everything that is wrong with a configuration",
		Long: `Say everything that is wrong with a configuration: its keys and values, what does not fit together, and the files,
folders and variables that it names: whether they can be read or written, their modes, certificates and keys, profiles, the
country file, the key ring, and whether the database and the cache that it names answer. No port is taken and nothing is changed, so that it can run beside the server. Run it as the
server's user.
Exit code 0: the server would start; warnings do not count. 1: it would not, or would not do what is written. 2: the file
could not be read at all.`,
		Example: `  countersign config check /etc/countersign/countersign.yaml
  sudo -u countersign countersign config check -o json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeConfig,
		RunE: func(c *cobra.Command, args []string) error {
			out, err := newOutput(c.OutOrStdout(), c.ErrOrStderr(), format)
			if err != nil {
				return err
			}
			path, err := configNamed(args)
			if err != nil {
				return err
			}
			return checkConfig(c.Context(), out, path, environments)
		},
	}
	formatFlag(c, &format)
	c.Flags().StringSliceVar(&environments, "environment", nil, "look only at the files of this environment, by `NAME`; may be repeated")
	return c
}

// configVerdict is the answer of `config check`.
type configVerdict struct {
	File     string          `json:"file"`
	OK       bool            `json:"ok"`
	Problems config.Problems `json:"problems"`
	Warnings config.Problems `json:"warnings"`
}

func checkConfig(ctx context.Context, out *output, path string, environments []string) error {
	v := configVerdict{File: path, Problems: config.Problems{}, Warnings: config.Problems{}}
	cfg, err := config.Load(path, os.LookupEnv)
	switch problems := config.AsProblems(err); {
	case problems != nil:
		v.Problems = problems
	case err != nil:
		return missingConfig(err)
	default:
		if _, environments, err = scopeOf(cfg, environments); err != nil {
			return err
		}
		problems, warnings := cfg.Check(config.Scope{Environments: environments, Now: clock()})
		v.Problems, v.Warnings = append(v.Problems, problems...), append(v.Warnings, warnings...)
		kept, unusual := checkKept(ctx, cfg, environments, len(problems) == 0)
		v.Problems, v.Warnings = append(v.Problems, kept...).Sorted(), append(v.Warnings, unusual...).Sorted()
	}
	v.OK = len(v.Problems) == 0
	if err := v.show(out); err != nil {
		return err
	}
	if !v.OK {
		return errRefused
	}
	return nil
}

func (v configVerdict) show(out *output) error {
	if out.json {
		return out.encode(v)
	}
	for _, p := range v.Problems {
		if _, err := fmt.Fprintln(out.out, p); err != nil {
			return err
		}
	}
	for _, w := range v.Warnings {
		w.Message = "warning: " + w.Message
		if _, err := fmt.Fprintln(out.out, w); err != nil {
			return err
		}
	}
	sum := "good"
	if !v.OK {
		sum = plural(len(v.Problems), "problem")
	}
	if n := len(v.Warnings); n > 0 {
		sum += ", " + plural(n, "warning")
	}
	_, err := fmt.Fprintf(out.out, "%s: %s\n", v.File, sum)
	return err
}

// checkKept looks at what only the program itself can read: the register that is there already, the shared cache, and the checkpoint
// key. deep: the files are good as such, so that keys can be tried and servers be asked.
func checkKept(ctx context.Context, cfg *config.Config, environments []string, deep bool) (problems, warnings config.Problems) {
	telling := func(list *config.Problems) func(path string, err error, hint string) {
		return func(path string, err error, hint string) {
			at := cfg.At(path)
			*list = append(*list, config.Problem{File: cfg.File, Line: at.Line, Column: at.Column, Message: path + ": " + strings.ReplaceAll(err.Error(), "\n", "; "), Hint: hint})
		}
	}
	tell, warn := telling(&problems), telling(&warnings)
	if deep {
		checkCache(cfg, tell, warn)
	}
	if cfg.SharedRegister() {
		if deep {
			checkDatabase(ctx, cfg, environments, tell)
		}
	} else if idle, err := checkRegister(ctx, cfg.RegisterFile()); err != nil {
		tell("data", err, "`countersign restore` puts a backup in place")
	} else if idle && deep {
		if err := tryKeys(ctx, cfg, environments); err != nil {
			tell("keys", err, "the register was sealed with another key file; put that one back")
		}
	}
	if p := cfg.Records.Checkpoints; p != nil {
		info, err := os.Lstat(p.KeyFile)
		if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 == 0 { // else Check has told of it
			if signer, err := checkpoint.LoadKey(nil, p.KeyFile); err != nil {
				tell("records.checkpoints.key_file", err, "`countersign key checkpoint-new` makes a new one")
			} else if err := checkBooks(cfg, signer); errors.Is(err, checkpoint.ErrSignature) {
				tell("records.checkpoints.key_file", err, "put the key of these books back; or, if the key is a new one on purpose, move the books aside and keep them with the old public key")
			} else if err != nil {
				tell("records.checkpoints.dir", err, "run this as the server's user; a server does not start with books that it cannot read")
			}
		}
	}
	return problems, warnings
}
