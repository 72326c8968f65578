package registry

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// MaxCommentText is how many characters a comment may have.
const MaxCommentText = 4000

// Comment is what somebody wrote about a review. It is never changed and never removed, and no approval depends on it.
type Comment struct {
	ID          string    `json:"id"` // "cmt_" and 26 characters
	PartnerID   string    `json:"partner"`
	Environment string    `json:"environment"`
	Round       int       `json:"round"`
	Text        string    `json:"text"` // 1 to MaxCommentText characters, may have several lines
	By          string    `json:"by"`
	At          time.Time `json:"at"`
	Shared      bool      `json:"shared,omitempty"` // an operator says that the partner's members read it; theirs are always read by both
}

// CommentAdd is the parameters of "comment.add".
type CommentAdd struct {
	Text   string `json:"text"`
	Shared bool   `json:"shared,omitempty"` // for the partner's members to read as well
}

var commentNoun = noun[Comment]{kind: "review_comment", row: func(c Comment) partner.Document {
	return partner.Document{ID: c.ID, PartnerID: c.PartnerID, Environment: c.Environment, State: strconv.Itoa(c.Round), CreatedAt: c.At}
}}

// AddComment writes a comment on a review, whatever its state, for operators to read. The change row has its beginning. Errors:
// ErrActor, ErrArgument, ErrNotFound, ErrState (the partner is closed, or MaxComments are written in this round), the store's.
func (r *Registry) AddComment(ctx context.Context, actor Actor, partnerID, environment, text string) (Comment, error) {
	return r.addComment(ctx, actor, home{partnerID, environment}, CommentAdd{Text: text})
}

// addComment is AddComment, also for the partner's members to read.
func (r *Registry) addComment(ctx context.Context, actor Actor, at home, add CommentAdd) (Comment, error) {
	const what = "add comment"
	if err := checkComment(add.Text); err != nil {
		return Comment{}, fmt.Errorf("%s: %w", what, err)
	}
	c := Comment{PartnerID: at.partner, Environment: at.environment, Text: add.Text, By: actor.String(), At: r.now(), Shared: add.Shared}
	var err error
	if c.ID, err = secret.RowID(r.random, "cmt_"); err != nil {
		return Comment{}, fmt.Errorf("%s: %w", what, err)
	}
	err = r.moving(ctx, actor, at, "", what, func(tx Tx) error {
		if _, err := reviewIn(tx, at, append(anyReview[:len(anyReview):len(anyReview)], partner.ReviewClosed)); err != nil {
			return err
		}
		err := r.changeFile(tx, at, func(f *fileRecord) error {
			c.Round = f.Round
			if f.Comments++; f.Comments > MaxComments {
				return fmt.Errorf("a review has at most %d comments: %w", MaxComments, ErrState)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := commentNoun.put(tx, c); err != nil {
			return err
		}
		return r.record(tx, actor, audit.CommentAdded, at.partner, detail(at.environment, c.ID+": "+clip(add.Text, 200)))
	})
	if err != nil {
		return Comment{}, err
	}
	return c, nil
}

// checkComment allows lines of text, and nothing that could make a page or a terminal show something else.
func checkComment(text string) error {
	bad := func(c rune) bool {
		return c != '\n' && c != '\t' && (unicode.Is(unicode.C, c) || unicode.Is(unicode.Zl, c) || unicode.Is(unicode.Zp, c))
	}
	if strings.TrimSpace(text) == "" || utf8.RuneCountInString(text) > MaxCommentText || !utf8.ValidString(text) ||
		strings.ContainsFunc(text, bad) {
		return fmt.Errorf("%w: a comment has 1 to %d characters of valid UTF-8 without control characters but line breaks and tabs",
			ErrArgument, MaxCommentText)
	}
	return nil
}
