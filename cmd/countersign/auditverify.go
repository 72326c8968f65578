package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/segment"
	"github.com/spf13/cobra"
)

// verifyOptions are the flags of `audit verify`.
type verifyOptions struct {
	books, keys []string
	only        string
	server      string
	export      string
	part        bool
}

func newAuditVerify(o *operator) *cobra.Command {
	v := new(verifyOptions)
	c := &cobra.Command{
		Use:   "verify",
		Short: "Prove that nobody altered the records, as far as checkpoints reach",
		Long: `Prove both records: that every change and every decision line is what was written, in its place, with none missing between two
others, and that every row of the register is as its last change left it. What is wrong is named with its place, and the exit
code is 1. A server may run meanwhile.

A chain alone cannot show that its end was cut off or that all of it was written anew: checkpoints can, which the server signs
and keeps in another place. They are taken from the configuration, or from --checkpoint with the public key that belongs to
them; the answer says up to where they prove the records, and "tail not anchored" for the rest. Verify on another machine, with
a public key that was copied when it was made: whoever can replace record, checkpoints and key can replace this answer.

With --export it proves what "countersign audit export --record all" has written, offline: neither register nor server is asked. The
rows of the register are not in an export, and nothing is said of them. What is missing, between lines, at the end or as a whole file,
is a fault; a filtered export is proven with --part, line by line, and nothing is said of what is not there.`,
		Example: `  countersign audit verify
  countersign audit verify --checkpoint /mnt/elsewhere/countersign --checkpoint-key checkpoint.key.pub
  countersign audit verify --export export-2026-11 --checkpoint-key checkpoint.key.pub`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if v.only != "" && v.only != checkpoint.Changes && v.only != checkpoint.Decisions {
				return hinted{fmt.Errorf("--only %s: no such record", v.only), "changes or decisions"}
			}
			if v.export != "" {
				return v.offline(c, o)
			}
			if v.part {
				return hinted{errors.New("--part without --export"), "on the server's disk the records are whole, or it is a fault"}
			}
			plane, scope, err := o.asked(v.server)
			if err == nil && plane != "" {
				err = hinted{errors.New("a server does not prove its own records"), "fetch them with countersign audit export --server " + plane + " --out DIR, and verify that with --export DIR"}
			}
			if err != nil {
				return err
			}
			v.server = scope
			return o.read(c, func(s *session) error { return v.run(s) })
		},
	}
	f := c.Flags()
	f.StringArrayVar(&v.books, "checkpoint", nil, "`PATH` of a book of checkpoints, or of the folder with both; may be repeated")
	f.StringArrayVar(&v.keys, "checkpoint-key", nil, "public key `FILE` that checkpoints are signed with; may be repeated")
	f.StringVar(&v.export, "export", "", "prove the export in this `DIR`, offline")
	_ = c.MarkFlagDirname("export")
	f.BoolVar(&v.part, "part", false, "with --export: it is a selection, so that lines may be missing")
	f.StringVar(&v.only, "only", "", "only one `RECORD`: changes or decisions")
	serverFlag(c, &v.server)
	_ = c.RegisterFlagCompletionFunc("only", cobra.FixedCompletions([]cobra.Completion{"changes", "decisions"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// offline proves an export, without any register.
func (v *verifyOptions) offline(c *cobra.Command, o *operator) error {
	out, err := newOutput(c.OutOrStdout(), c.ErrOrStderr(), o.format)
	if err != nil {
		return err
	}
	if v.server != "" {
		return hinted{errors.New("--export with --server"), "an export is proven without a server"}
	}
	return advise(v.exported(out))
}

// verifyView is the outcome as JSON.
type verifyView struct {
	OK          bool                `json:"ok"`
	Checkpoints []string            `json:"checkpoints"` // books that were read
	Begun       []begunView         `json:"begun"`       // where a book does not begin with its record
	Faults      []string            `json:"faults"`      // of the checkpoints themselves
	Changes     *audit.ChangeReport `json:"changes,omitempty"`
	ChangesTail string              `json:"changes_tail,omitempty"` // what no checkpoint proves
	Decisions   []decisionsView     `json:"decisions"`              // one for each server's record
	lines       []string
}

// begunView is where a book begins, if that is not with the first entry of its record: it proves nothing about whatever happened
// to the record before its first statement was signed.
type begunView struct {
	Book string    `json:"book"`
	Seq  uint64    `json:"seq"`
	At   time.Time `json:"at"` // when that was signed
}

// begins notes where a book begins. One that somebody took away is followed by one that begins later.
func (view *verifyView) begins(book string, first checkpoint.Anchor) {
	if first.Seq <= 1 {
		return
	}
	view.Begun = append(view.Begun, begunView{book, first.Seq, first.At})
	view.lines = append(view.lines, fmt.Sprintf("checkpoints: %s was begun at seq %d, on %s: what was done to the record before that, it cannot show", book, first.Seq, when(first.At)))
}

// anchorSet are the proven anchors of all books. Decisions are kept apart by the server whose record they are of.
type anchorSet struct {
	changes   []audit.Anchor
	decisions map[string][]checkpoint.Anchor
}

// run reads the checkpoints first: a server goes on writing and signing, so that what they say is never newer than the
// records that are read after them.
func (v *verifyOptions) run(s *session) error {
	view := &verifyView{OK: true, Checkpoints: []string{}, Begun: []begunView{}, Faults: []string{}, Decisions: []decisionsView{}}
	records, err := v.records(s.at)
	if err != nil {
		return err
	}
	anchors, err := v.anchors(s.at, records, view)
	if err != nil {
		return err
	}
	if v.only != checkpoint.Decisions {
		if err := view.changes(s, anchors.changes); err != nil {
			return err
		}
	}
	if v.only == checkpoint.Changes {
		return view.show(s.out)
	}
	for _, record := range records {
		if err := view.decisions(record, anchors.decisions[record.scope]); err != nil {
			return err
		}
		delete(anchors.decisions, record.scope)
	}
	for scope, of := range anchors.decisions {
		if v.server == "" || v.server == scope {
			view.fault("they know %d lines of decisions, but there is no record in %s", of[len(of)-1].Seq, s.at.decisions(scope).dir)
		}
	}
	if len(records) == 0 {
		view.lines = append(view.lines, "decisions: there is no record in "+s.at.decisions(v.server).dir)
	}
	return view.show(s.out)
}

// records are those of the server that was chosen, or all.
func (v *verifyOptions) records(at place) ([]recordPlace, error) {
	if v.server != "" {
		record, err := at.record(v.server)
		return []recordPlace{record}, err
	}
	return at.records()
}

func (view *verifyView) fault(format string, args ...any) {
	view.OK = false
	view.Faults = append(view.Faults, fmt.Sprintf(format, args...))
	view.lines = append(view.lines, "checkpoints: WRONG: "+view.Faults[len(view.Faults)-1])
}

func (view *verifyView) changes(s *session, anchors []audit.Anchor) error {
	report, err := s.disk.VerifyChanges(s.ctx, anchors)
	if err != nil {
		return err
	}
	view.Changes, view.OK = &report, view.OK && report.OK()
	for _, line := range report.Lines() {
		view.lines = append(view.lines, "changes: "+line)
		if strings.HasPrefix(line, "tail not anchored") {
			view.ChangesTail = line
		}
	}
	return nil
}

func (view *verifyView) decisions(at recordPlace, anchors []checkpoint.Anchor) error {
	report, err := segment.Verify(at.dir, anchors)
	if err != nil {
		return err
	}
	view.Decisions, view.OK = append(view.Decisions, viewDecisions(at, report)), view.OK && report.OK()
	head := "decisions: "
	if at.scope != "" {
		head = "decisions of " + at.scope + ": "
	}
	for _, line := range decisionLines(report) {
		view.lines = append(view.lines, head+line)
	}
	return nil
}

func (view *verifyView) show(out *output) error {
	var err error
	if out.json {
		err = out.encode(view)
	} else {
		verdict := "nothing was altered, as far as it is proven above"
		if !view.OK {
			verdict = "THE RECORDS ARE NOT WHAT WAS WRITTEN"
		}
		_, err = io.WriteString(out.out, strings.Join(append(view.lines, verdict), "\n")+"\n")
	}
	if err == nil && !view.OK {
		err = errRefused
	}
	return err
}
