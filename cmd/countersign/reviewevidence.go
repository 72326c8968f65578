package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

func newReviewEvidence(o *operator) *cobra.Command {
	c := &cobra.Command{Use: "evidence", Short: "Attach files and links to a review, and fetch files", Args: cobra.NoArgs,
		Long: "Attach files and links to a review, and fetch files. Nothing that was attached goes away; it can be superseded by something newer.",
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(newEvidenceAdd(o), newEvidenceGet(o))
	return c
}

// evidenceOptions are the flags of `review evidence add`.
type evidenceOptions struct {
	environment, link, name, item, note, supersedes string
}

func newEvidenceAdd(o *operator) *cobra.Command {
	e := new(evidenceOptions)
	c := &cobra.Command{
		Use:   "add PARTNER [FILE] --environment NAME",
		Short: "Attach a file, or a link with --link",
		Long: fmt.Sprintf(`Attach a file of at most %d MiB, or a link (https) with --link. The record keeps the digest of a file; a link is what it says,
and what is behind it may change.

`, partner.MaxBlob>>20) + whoHelp,
		Example: `  countersign review evidence add "Example Bank" report.pdf -e production --item security-review
  countersign review evidence add "Example Bank" --link https://wiki.example.com/r/17 --name "Meeting notes" -e production`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completePartnerThenFile(o),
		RunE: func(c *cobra.Command, args []string) error {
			if (len(args) == 2) == (e.link != "") {
				return hinted{errors.New("what is to be attached?"), "name a file after the partner, or a link with --link"}
			}
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				found, err := s.partner(args[0])
				if err != nil {
					return err
				}
				added, err := e.add(s, p, found.ID, args[1:])
				if err != nil {
					return err
				}
				return s.out.show(added.Evidence, "%s: %s attached, sha256 %s", added.Evidence.ID, added.Evidence.Name, added.Evidence.Sha256)
			})
		},
	}
	environmentFlag(c, &e.environment, true)
	f := c.Flags()
	f.StringVar(&e.link, "link", "", "`URL` (https) instead of a file")
	f.StringVar(&e.name, "name", "", "`NAME` to show it under; the file's own, or the link, unless given")
	f.StringVar(&e.item, "item", "", "`ID` of the item of the checklist that it proves")
	f.StringVar(&e.note, "note", "", "`TEXT` on one line")
	f.StringVar(&e.supersedes, "supersedes", "", "`ID` of an older evidence that this one replaces")
	completeEnvironments(o, c)
	return o.changing(c)
}

func (e *evidenceOptions) add(s *session, p *remote.Client, partnerID string, file []string) (api.EvidenceChanged, error) {
	if e.link != "" {
		name := e.name
		if name == "" {
			name = linkName(e.link)
		}
		body := api.EvidenceLink{URL: e.link, Name: name, Item: e.item, Note: e.note, Supersedes: e.supersedes}
		return remote.Value(p.API.EvidenceAdd(s.ctx, partnerID, e.environment, api.EvidenceAddParams{}, body))
	}
	content, err := readEvidence(file[0])
	if err != nil {
		return api.EvidenceChanged{}, err
	}
	name := e.name
	if name == "" {
		name = filepath.Base(file[0])
	}
	params := api.EvidenceAddParams{Name: name, Item: e.item, Note: e.note, Supersedes: e.supersedes}
	return remote.Value(p.API.EvidenceAddFile(s.ctx, partnerID, e.environment, params, bytes.NewReader(content)))
}

// linkName is what a link is shown under where nobody says it: its host.
func linkName(link string) string {
	if u, err := url.Parse(link); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return "link"
}

// readEvidence reads a file whole: nothing is attached of one that is too long.
func readEvidence(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, partner.MaxBlob+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", path, err)
	case len(content) > partner.MaxBlob:
		return nil, hinted{fmt.Errorf("%s has more than %d MiB", path, partner.MaxBlob>>20), "put it where it is kept for good, and attach a link with --link"}
	case len(content) == 0:
		return nil, fmt.Errorf("%s is empty", path)
	}
	return content, nil
}

func newEvidenceGet(o *operator) *cobra.Command {
	var environment, out string
	c := &cobra.Command{
		Use:               "get PARTNER EVIDENCE --environment NAME --out FILE",
		Short:             "Write the file of an evidence",
		Long:              "Write the file of an evidence into a new file of mode 0600, or to standard output with -. It is compared with its digest first.\n\n" + whoHelp,
		Example:           `  countersign review evidence get "Example Bank" evd_... -e production --out report.pdf`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.onPlane(c, func(s *session, p *remote.Client) error {
				found, err := s.partner(args[0])
				if err != nil {
					return err
				}
				return s.fetchEvidence(p, found.ID, environment, args[1], out)
			})
		},
	}
	environmentFlag(c, &environment, true)
	c.Flags().StringVar(&out, "out", "", "new `FILE`, or - for standard output")
	_ = c.MarkFlagRequired("out")
	completeEnvironments(o, c)
	return c
}

func (s *session) fetchEvidence(p *remote.Client, partnerID, environment, id, out string) error {
	e, err := remote.Value(p.API.EvidenceGet(s.ctx, partnerID, environment, id))
	if err != nil {
		return err
	}
	if e.URL != "" {
		return hinted{fmt.Errorf("%s is a link", id), "it leads to " + safeText([]byte(e.URL))}
	}
	body, err := remote.Stream(p.API.EvidenceContent(s.ctx, partnerID, environment, id))
	if err != nil {
		return err
	}
	content, err := io.ReadAll(io.LimitReader(body, partner.MaxBlob+1))
	if err = errors.Join(err, body.Close()); err != nil {
		return fmt.Errorf("fetch %s: %w", id, err)
	}
	if digest := sha256.Sum256(content); hex.EncodeToString(digest[:]) != e.Sha256 {
		return fmt.Errorf("%s is not what was attached: its digest is another one; nothing was written", id)
	}
	if out == "-" {
		_, err := s.out.out.Write(content)
		return err
	}
	if err := createFile(out, content, 0o600); err != nil {
		return hinted{err, "name a file that is not there yet"}
	}
	return s.out.show(e, "%s: %d bytes, sha256 %s", out, len(content), e.Sha256)
}

func newReviewComment(o *operator) *cobra.Command {
	var environment string
	c := &cobra.Command{
		Use:               "comment PARTNER TEXT --environment NAME",
		Short:             "Say something about a review",
		Long:              "Say something about a review, for everybody who reads its file. TEXT may have several lines; - reads it from standard input.\n\n" + whoHelp,
		Example:           `  countersign review comment "Example Bank" "waits for their new data centre" -e production`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := textOr(c, args[1])
			if err != nil {
				return err
			}
			return o.changeOnPlane(c, func(s *session, p *remote.Client) error {
				found, err := s.partner(args[0])
				if err != nil {
					return err
				}
				added, err := remote.Value(p.API.CommentAdd(s.ctx, found.ID, environment, api.CommentAddParams{}, api.Comment{Text: text}))
				if err != nil {
					return err
				}
				return s.out.show(added.Comment, "%s in %s: said", found.Name, environment)
			})
		},
	}
	environmentFlag(c, &environment, true)
	completeEnvironments(o, c)
	return o.changing(c)
}

// maxText bounds a text of several lines.
const maxText = 64 << 10

// textOr is the text of an argument; - stands for standard input.
func textOr(c *cobra.Command, argument string) (string, error) {
	if argument != "-" {
		return argument, nil
	}
	text, err := io.ReadAll(io.LimitReader(c.InOrStdin(), maxText))
	return strings.TrimRight(string(text), "\n"), err
}
