package admin

import (
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

type reviewChanged struct {
	api.Changed
	Review *api.ReviewFile `json:"review,omitempty"` // absent: there is none any more
}

// fileRow is the row that is matched when a review is worked on.
func fileRow(partnerID, environment string) string {
	return audit.DocumentRow("review_file", partnerID+"/"+environment)
}

// ReviewList lists reviews, those that wait first.
func (h handlers) ReviewList(w http.ResponseWriter, _ *http.Request, params api.ReviewListParams) {
	c := w.(*call)
	after, ok := c.after(params.After)
	if !ok {
		return
	}
	c.reviews(registry.ReviewQuery{PartnerID: params.Partner, Environment: params.Environment, State: partner.ReviewState(params.State),
		Waiting: params.Waiting, After: after, Limit: limitOr(params.Limit)})
}

// PartnerReviews lists the reviews of one partner.
func (h handlers) PartnerReviews(w http.ResponseWriter, _ *http.Request, id api.InPathPartner) {
	c := w.(*call)
	if _, ok := c.partnerByID(id); ok {
		c.reviews(registry.ReviewQuery{PartnerID: id, Limit: registry.MaxReviewPage})
	}
}

func (c *call) reviews(q registry.ReviewQuery) {
	fetch := func(after string) ([]registry.ReviewFile, string, error) {
		q.After = after
		page, err := c.s.cfg.Registry.ReviewFiles(c.r.Context(), q)
		return page.Files, page.Next, err
	}
	files, next, err := visible(c, q.After, q.Limit, fetch, func(f registry.ReviewFile) bool { return c.who.Sees(f.Review.Environment) }, registry.ReviewFile.Place)
	if err != nil {
		c.fail(err)
		return
	}
	out := api.ReviewPage{Items: []api.ReviewFile{}, Next: c.next(next)}
	for _, file := range files {
		shown, ok := c.review(file)
		if !ok {
			return
		}
		out.Items = append(out.Items, shown)
	}
	c.json(http.StatusOK, out)
}

// review shows a file; what the system saw in an environment that the caller does not see is left out. false: it has answered.
func (c *call) review(f registry.ReviewFile) (api.ReviewFile, bool) {
	etag, ok := c.tag(fileRow(f.Review.PartnerID, f.Review.Environment))
	v := viewReviewFile(f, etag)
	kept := []api.SystemFacts{}
	for _, facts := range v.Facts {
		if c.who.Sees(facts.Environment) {
			kept = append(kept, facts)
		}
	}
	v.Facts = kept
	return v, ok
}

// ReviewGet shows the whole file of a review.
func (h handlers) ReviewGet(w http.ResponseWriter, r *http.Request, id api.InPathPartner, environment api.InPathEnvironment) {
	c := w.(*call)
	file, err := h.cfg.Registry.ReviewFile(r.Context(), id, environment)
	if err != nil {
		c.fail(err)
		return
	}
	if shown, ok := c.review(file); ok {
		c.found(shown.Etag, shown)
	}
}

// ReviewRequest asks for a review.
func (h handlers) ReviewRequest(w http.ResponseWriter, _ *http.Request, id api.InPathPartner,
	environment api.InPathEnvironment, _ api.ReviewRequestParams) {
	w.(*call).step(registry.OpReviewRequest, id, environment, registry.ReviewRequest{})
}

// ReviewStart takes a review up.
func (h handlers) ReviewStart(w http.ResponseWriter, _ *http.Request, id api.InPathPartner,
	environment api.InPathEnvironment, _ api.ReviewStartParams) {
	w.(*call).step(registry.OpReviewStart, id, environment, registry.ReviewStart{})
}

// ReviewSuspend refuses an admitted partner.
func (h handlers) ReviewSuspend(w http.ResponseWriter, _ *http.Request, id api.InPathPartner,
	environment api.InPathEnvironment, _ api.ReviewSuspendParams) {
	w.(*call).step(registry.OpReviewSuspend, id, environment, registry.ReviewSuspend{})
}

// ReviewResume admits a suspended partner again.
func (h handlers) ReviewResume(w http.ResponseWriter, _ *http.Request, id api.InPathPartner,
	environment api.InPathEnvironment, _ api.ReviewResumeParams) {
	w.(*call).step(registry.OpReviewResume, id, environment, registry.ReviewResume{})
}

// ReviewWithdraw takes a request or an approval back.
func (h handlers) ReviewWithdraw(w http.ResponseWriter, _ *http.Request, id api.InPathPartner,
	environment api.InPathEnvironment, _ api.ReviewWithdrawParams) {
	w.(*call).step(registry.OpReviewWithdraw, id, environment, registry.ReviewWithdraw{})
}

// ReviewClose ends a partner's access to an environment for good.
func (h handlers) ReviewClose(w http.ResponseWriter, _ *http.Request, id api.InPathPartner,
	environment api.InPathEnvironment, _ api.ReviewCloseParams) {
	w.(*call).step(registry.OpReviewClose, id, environment, registry.ReviewClose{})
}

// step is one transition of a review.
func (c *call) step(name registry.OperationName, partnerID, environment string, params any) {
	done, ok := c.act(name, partnerID, environment, params, fileRow(partnerID, environment))
	if ok {
		c.reviewDone(done, partnerID, environment)
	}
}

// ReviewApprove admits a partner, as its file stands.
func (h handlers) ReviewApprove(w http.ResponseWriter, _ *http.Request, id api.InPathPartner,
	environment api.InPathEnvironment, _ api.ReviewApproveParams) {
	c := w.(*call)
	var in api.ReviewApprove
	if !c.read(&in) {
		return
	}
	done, ok := c.do(registry.OpReviewApprove, id, environment, registry.ReviewApprove{Digest: in.Digest},
		asked{reason: in.Reason, rows: []string{fileRow(id, environment)}})
	if ok {
		c.reviewDone(done, id, environment)
	}
}

// ReviewCheck sets one item of the checklist.
func (h handlers) ReviewCheck(w http.ResponseWriter, _ *http.Request, id api.InPathPartner,
	environment api.InPathEnvironment, item api.InPathItem, _ api.ReviewCheckParams) {
	c := w.(*call)
	var in api.ReviewCheck
	if !c.read(&in) {
		return
	}
	done, ok := c.do(registry.OpReviewCheck, id, environment, registry.ReviewCheck{Item: item, Done: in.Done, Note: in.Note},
		asked{rows: []string{fileRow(id, environment)}})
	if ok {
		c.reviewDone(done, id, environment)
	}
}

// reviewDone answers with the file as it is now.
func (c *call) reviewDone(done registry.Done, partnerID, environment string) {
	out := reviewChanged{}
	file, err := c.s.cfg.Registry.ReviewFile(c.r.Context(), partnerID, environment)
	if err == nil && file.Review.State != "" {
		shown, ok := c.review(file)
		if !ok {
			return
		}
		c.etag(shown.Etag)
		out.Review = &shown
	} else if err != nil && !isNotFound(err) {
		c.fail(err)
		return
	}
	out.Changed = c.changed(done)
	c.json(http.StatusOK, out)
}
