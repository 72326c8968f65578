package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strconv"

	"countersign.dev/api"
	"countersign.dev/internal/registry"
)

func isNotFound(err error) bool { return errors.Is(err, registry.ErrNotFound) }

// EvidenceAdd attaches a link or a file. The file's type is found out from its bytes by the register, never said by the sender.
func (h handlers) EvidenceAdd(w http.ResponseWriter, _ *http.Request, id api.InPathPartner,
	environment api.InPathEnvironment, params api.EvidenceAddParams) {
	c := w.(*call)
	add, reason := registry.EvidenceAdd{Item: params.Item, Name: params.Name, Note: params.Note, Supersedes: params.Supersedes, Content: c.body}, ""
	if mediaOf(c.r) == typeJSON {
		var in api.EvidenceLink
		if params.Name+params.Item+params.Note+params.Supersedes != "" {
			c.refuse(refusal{kind: api.Invalid, detail: "The query describes an uploaded file; a link is described by its body."})
			return
		}
		if !c.read(&in) {
			return
		}
		add, reason = registry.EvidenceAdd{URL: in.URL, Name: in.Name, Item: in.Item, Note: in.Note, Supersedes: in.Supersedes}, in.Reason
	} else if params.Name == "" {
		c.refuse(refusal{kind: api.Invalid, errors: []field{{"name", "an uploaded file has a name"}}})
		return
	}
	done, ok := c.do(registry.OpEvidenceAdd, id, environment, add, asked{reason: reason})
	if !ok {
		return
	}
	e, found := c.added(done, add)
	if !found {
		c.lost(done, "evidence was added and is not in the file")
		return
	}
	shown := viewEvidence(e)
	c.Header().Set("Location", "/v1/partners/"+id+"/reviews/"+environment+"/evidence/"+shown.ID)
	c.json(http.StatusCreated, struct {
		api.Changed
		Evidence api.Evidence `json:"evidence"`
	}{c.changed(done), shown})
}

// evidence finds one piece of a review; false: it has answered.
func (c *call) evidence(partnerID, environment, id string) (registry.Evidence, []byte, bool) {
	e, content, err := c.s.cfg.Registry.Evidence(c.r.Context(), id)
	if err == nil && (e.PartnerID != partnerID || e.Environment != environment) {
		err = registry.ErrNotFound
	}
	if err != nil {
		c.fail(err)
		return e, nil, false
	}
	return e, content, true
}

// EvidenceGet tells of one piece.
func (h handlers) EvidenceGet(w http.ResponseWriter, _ *http.Request, id api.InPathPartner,
	environment api.InPathEnvironment, evidence api.InPathEvidence) {
	c := w.(*call)
	if e, _, ok := c.evidence(id, environment, evidence); ok {
		c.found(e.SHA256, viewEvidence(e))
	}
}

// EvidenceContent gives a file out, never to be shown by a browser: somebody outside of this company has written it.
func (h handlers) EvidenceContent(w http.ResponseWriter, _ *http.Request, id api.InPathPartner,
	environment api.InPathEnvironment, evidence api.InPathEvidence) {
	c := w.(*call)
	e, content, ok := c.evidence(id, environment, evidence)
	if !ok {
		return
	}
	if content == nil {
		c.refuse(notFound)
		return
	}
	header := c.Header()
	header.Set("Content-Type", typeBytes)
	header.Set("Content-Disposition", "attachment")
	if named := mime.FormatMediaType("attachment", map[string]string{"filename": e.Name}); named != "" {
		header.Set("Content-Disposition", named)
	}
	header.Set("Content-Length", strconv.Itoa(len(content)))
	c.etag(e.SHA256)
	c.WriteHeader(http.StatusOK)
	_, _ = c.Write(content)
}

// CommentAdd writes a comment on a review.
func (h handlers) CommentAdd(w http.ResponseWriter, _ *http.Request, id api.InPathPartner,
	environment api.InPathEnvironment, _ api.CommentAddParams) {
	c := w.(*call)
	var in api.Comment
	if !c.read(&in) {
		return
	}
	done, ok := c.do(registry.OpCommentAdd, id, environment, registry.CommentAdd{Text: in.Text, Shared: in.Shared}, asked{})
	if !ok {
		return
	}
	comment, found := c.commented(done, in.Text)
	if !found {
		c.lost(done, "a comment was added and is not in the file")
		return
	}
	c.json(http.StatusCreated, struct {
		api.Changed
		Comment api.ReviewComment `json:"comment"`
	}{c.changed(done), viewReviewComment(comment)})
}

// lost answers that what a change made is not there: a repeated request may be told of a review that was withdrawn since.
func (c *call) lost(done registry.Done, what string) {
	if done.Repeated {
		c.refuse(notFound)
		return
	}
	c.broke(errors.New(what))
}

// added is the piece that an answer is about: the newest of this content by this caller.
func (c *call) added(done registry.Done, add registry.EvidenceAdd) (registry.Evidence, bool) {
	sum := sha256.Sum256(add.Content)
	if add.URL != "" {
		sum = sha256.Sum256([]byte(add.URL))
	}
	digest, by := hex.EncodeToString(sum[:]), c.actor().String()
	if done.Review != nil {
		for _, e := range slices.Backward(done.Review.Evidence) {
			if e.SHA256 == digest && e.AddedBy == by {
				return e, true
			}
		}
	}
	return registry.Evidence{}, false
}

// commented is the comment that an answer is about: the newest of this text by this caller.
func (c *call) commented(done registry.Done, text string) (registry.Comment, bool) {
	if done.Review != nil {
		for _, comment := range slices.Backward(done.Review.Comments) {
			if comment.By == c.actor().String() && comment.Text == text {
				return comment, true
			}
		}
	}
	return registry.Comment{}, false
}
