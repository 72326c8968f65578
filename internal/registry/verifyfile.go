package registry

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// keptFile is a document that names the digest of something kept beside the rows: a file of a review, a what-if report, long
// parameters. The document is in the chain; what it names is not, so it is held against the digest here.
type keptFile struct {
	row    string // as a report calls it
	digest string // hex
}

// keptFiles lists what documents say is kept. A document that cannot be read says nothing: the verification of rows has it already.
func keptFiles(tx Tx) (files []keptFile, err error) {
	for _, kind := range []string{evidenceNoun.kind, proposalNoun.kind} {
		rows, err := tx.Documents(partner.DocumentQuery{Kind: kind})
		if err != nil {
			return nil, err
		}
		for _, d := range rows {
			for _, digest := range digestsIn(d) {
				files = append(files, keptFile{"document/" + d.Kind + "/" + d.ID, digest})
			}
		}
	}
	return files, nil
}

func digestsIn(d partner.Document) (digests []string) {
	var e Evidence
	var p Proposal
	switch {
	case d.Kind == evidenceNoun.kind && json.Unmarshal(d.Body, &e) == nil && e.Kind == partner.EvidenceFile:
		return []string{e.SHA256}
	case d.Kind != proposalNoun.kind || json.Unmarshal(d.Body, &p) != nil:
		return nil
	}
	if p.ParamsSHA256 != "" {
		digests = append(digests, p.ParamsSHA256)
	}
	if p.WhatIf != nil {
		digests = append(digests, p.WhatIf.SHA256)
	}
	return digests
}

// verifyFiles adds what is wrong with kept files to a report. Each is read in a transaction of its own: one that is damaged breaks
// its transaction, and none of them ever changes. What cannot be read is a fault too, since nothing is proven of it.
func (r *Registry) verifyFiles(ctx context.Context, files []keptFile, report *audit.ChangeReport) error {
	for _, f := range files {
		err := r.store.View(ctx, func(tx Tx) error { return present(tx, f.digest) })
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("verify files: %w", ctx.Err())
		case errors.Is(err, ErrNotFound):
			report.Add(audit.Fault{Kind: audit.FaultFile, Row: f.row, Text: fmt.Sprintf("the file of %q is gone", f.row)})
		case err != nil:
			report.Add(audit.Fault{Kind: audit.FaultFile, Row: f.row, Text: fmt.Sprintf("the file of %q is not the one that was kept: %v", f.row, err)})
		}
	}
	return nil
}

func present(tx Tx, text string) error {
	var digest [32]byte
	if n, err := hex.Decode(digest[:], []byte(text)[:min(len(text), 64)]); err != nil || n != len(digest) || len(text) != 64 {
		return errors.New("its document names no digest")
	}
	_, found, err := tx.Blob(digest)
	if err == nil && !found {
		return ErrNotFound
	}
	return err
}
