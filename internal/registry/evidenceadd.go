package registry

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// AddEvidence attaches a file or a link to a review that is not closed. What an item of the checklist was checked with is then
// another thing, and the item is open again; a digest that somebody has noted to approve approves no more. Errors: ErrActor,
// ErrArgument, ErrNotFound (the review, the piece to supersede), ErrState (closed, or more than MaxEvidence or MaxEvidenceBytes in
// this round), the store's.
func (r *Registry) AddEvidence(ctx context.Context, actor Actor, partnerID, environment string, add EvidenceAdd) (Evidence, error) {
	const what = "add evidence"
	e, err := r.draftEvidence(actor, home{partnerID, environment}, add)
	if err != nil {
		return Evidence{}, fmt.Errorf("%s: %w", what, err)
	}
	err = r.update(ctx, actor, what, func(tx Tx) error {
		at := home{partnerID, environment}
		if _, err := reviewIn(tx, at, anyReview); err != nil {
			return err
		}
		if err := r.changeFile(tx, at, func(f *fileRecord) error { return r.attach(tx, f, &e) }); err != nil {
			return err
		}
		if e.Kind == partner.EvidenceFile {
			if _, err := tx.PutBlob(add.Content); err != nil {
				return err
			}
		}
		if err := evidenceNoun.put(tx, e); err != nil {
			return err
		}
		return r.record(tx, actor, audit.EvidenceAdded, partnerID, detail(environment, e.text()))
	})
	if err != nil {
		return Evidence{}, err
	}
	return e, nil
}

// draftEvidence makes a piece of what was handed in, before anything is looked up.
func (r *Registry) draftEvidence(actor Actor, at home, add EvidenceAdd) (Evidence, error) {
	e := Evidence{PartnerID: at.partner, Environment: at.environment, Item: add.Item, Name: add.Name, Note: add.Note,
		Supersedes: add.Supersedes, AddedBy: actor.String(), AddedAt: r.now()}
	err := cmp.Or(checkEnvironment(at.environment), checkEvidenceName(add.Name), checkLine("a note", add.Note, maxReason))
	if err != nil {
		return e, err
	}
	switch {
	case len(add.Content) > partner.MaxBlob:
		return e, fmt.Errorf("%w: a file has at most %d MiB", ErrArgument, partner.MaxBlob>>20)
	case (add.URL == "") == (len(add.Content) == 0):
		return e, fmt.Errorf("%w: evidence is a file that is not empty, or a link", ErrArgument)
	case add.URL != "":
		e.Kind, e.URL = partner.EvidenceLink, add.URL
		sum := sha256.Sum256([]byte(add.URL))
		e.SHA256 = hex.EncodeToString(sum[:])
		err = checkLink(add.URL)
	default:
		e.Kind, e.Size = partner.EvidenceFile, int64(len(add.Content))
		sum := sha256.Sum256(add.Content)
		e.SHA256 = hex.EncodeToString(sum[:])
		e.MediaType, err = sniff(add.Content)
	}
	if err != nil {
		return e, err
	}
	e.ID, err = secret.RowID(r.random, "evd_")
	return e, err
}

// attach holds a piece against the round that it is for.
func (r *Registry) attach(tx Tx, f *fileRecord, e *Evidence) error {
	e.Round = f.Round
	f.Pieces++
	f.Bytes += e.Size
	if f.Pieces > MaxEvidence || f.Bytes > MaxEvidenceBytes {
		return fmt.Errorf("a review has at most %d pieces of evidence and %d MiB of files: %w", MaxEvidence, MaxEvidenceBytes>>20, ErrState)
	}
	if e.Item != "" {
		item, err := r.item(f.Environment, e.Item)
		if err != nil {
			return err
		}
		if item.Evidence != partner.EvidenceManual && item.Evidence != e.Kind {
			return fmt.Errorf("%w: %s wants evidence of the kind %q, not a %s", ErrArgument, item.ID, item.Evidence, e.Kind)
		}
	}
	if e.Supersedes == "" {
		return nil
	}
	list, err := roundEvidence(tx, home{f.PartnerID, f.Environment}, f.Round)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(old Evidence) bool { return old.ID == e.Supersedes && old.Item == e.Item })
	switch {
	case i < 0:
		return fmt.Errorf("evidence %.60q of this item in this round: %w", e.Supersedes, ErrNotFound)
	case list[i].SupersededBy != "":
		return fmt.Errorf("evidence %s is superseded already, by %s: %w", e.Supersedes, list[i].SupersededBy, ErrState)
	}
	return nil
}

// text is what the change row says of a piece.
func (e Evidence) text() string {
	text := fmt.Sprintf("%s %s %q, sha256 %s", e.ID, e.Kind, e.Name, e.SHA256)
	if e.Item != "" {
		text += ", for " + e.Item
	}
	if e.Supersedes != "" {
		text += ", instead of " + e.Supersedes
	}
	return text
}

// Evidence reads one piece. content is that of a file, compared with its digest, and nil of a link. Whoever serves it serves it as
// an attachment, never inline: it is what a stranger sent. Errors: ErrNotFound, the store's.
func (r *Registry) Evidence(ctx context.Context, id string) (e Evidence, content []byte, err error) {
	err = r.store.View(ctx, func(tx Tx) error {
		if e, err = evidenceNoun.get(tx, id); err != nil {
			return err
		}
		list, err := roundEvidence(tx, home{e.PartnerID, e.Environment}, e.Round)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(list, func(piece Evidence) bool { return piece.ID == id }); i >= 0 {
			e = list[i]
		}
		if e.Kind != partner.EvidenceFile {
			return nil
		}
		content, err = evidenceContent(tx, e)
		return err
	})
	if err != nil {
		return Evidence{}, nil, fmt.Errorf("read evidence: %w", err)
	}
	return e, content, nil
}

// evidenceContent reads the file of a piece. One that is not there was taken away behind our back.
func evidenceContent(tx Tx, e Evidence) ([]byte, error) {
	sum, err := hex.DecodeString(e.SHA256)
	if err != nil || len(sum) != sha256.Size {
		return nil, fmt.Errorf("evidence %s has no digest of a file", e.ID)
	}
	content, found, err := tx.Blob([32]byte(sum))
	if err == nil && !found {
		err = fmt.Errorf("the file of evidence %s is not in the register", e.ID)
	}
	return content, err
}

func checkEvidenceName(name string) error {
	if name == "" || strings.TrimSpace(name) != name || strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, ".") {
		return fmt.Errorf("%w: the name of evidence is not empty, has no space around it, no slash, and no dot in front", ErrArgument)
	}
	return checkLine("the name of evidence", name, MaxEvidenceName)
}

// checkLink allows what a person may safely be shown as a link: https to a host, without a user or password in it.
func checkLink(link string) error {
	u, err := url.Parse(link)
	plain := !strings.ContainsFunc(link, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' })
	if err != nil || !plain || len(link) > MaxEvidenceURL || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Opaque != "" {
		return fmt.Errorf("%w: a link is an https URL of at most %d ASCII characters, without a user in it", ErrArgument, MaxEvidenceURL)
	}
	return nil
}
