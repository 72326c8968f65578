package portal

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

func evidenceRoutes() []route {
	return []route{
		{pattern: "POST /start/{environment}/evidence", serve: (*visit).addEvidence, back: "/start/{environment}"},
		{pattern: "POST /start/{environment}/comment", serve: (*visit).addComment, back: "/start/{environment}"},
		{pattern: "GET /evidence/{evidence}", serve: (*visit).evidence},
	}
}

// accepted is what a browser offers first when a file is chosen; the register finds out by itself what a file is.
const accepted = ".pdf,.png,.jpg,.jpeg,.txt,.csv,.json,.xml,.zip,.docx,.xlsx"

// itemWords is an item of the checklist with what was attached to it.
type itemWords struct {
	registry.MemberItem
	Who      string // as of a step
	Does     string // who makes it done, and how
	Evidence []registry.Evidence
}

// Tone and Word are those of the item's badge.
func (i itemWords) Tone() string { return step{Who: i.Who}.Tone() }

// Word is what the badge of an item says.
func (i itemWords) Word() string { return step{Who: i.Who}.Word() }

// itemsOf joins checklist and evidence. others is what belongs to no item that is there.
func itemsOf(review registry.MemberReview) (items []itemWords, others []registry.Evidence) {
	placed := map[string]bool{}
	for _, item := range review.Items {
		w := itemWords{MemberItem: item}
		for _, e := range review.Evidence {
			if e.Item == item.ID {
				w.Evidence, placed[e.ID] = append(w.Evidence, e), true
			}
		}
		w.Who, w.Does = whoMakes(item, len(w.Evidence) > 0)
		items = append(items, w)
	}
	for _, e := range review.Evidence {
		if !placed[e.ID] {
			others = append(others, e)
		}
	}
	return items, others
}

// whoMakes says who makes an item done.
func whoMakes(item registry.MemberItem, attached bool) (who, does string) {
	switch {
	case item.Done:
		return "done", ""
	case item.Outdated:
		return "operator", "Something was added after it was checked: an operator looks again."
	}
	switch item.ChecklistItem.Evidence {
	case partner.EvidenceFile, partner.EvidenceLink:
		if attached {
			return "operator", "You attached something. An operator checks it."
		}
		return "you", map[partner.EvidenceKind]string{partner.EvidenceFile: "Attach a file below.", partner.EvidenceLink: "Attach a link below."}[item.ChecklistItem.Evidence]
	case partner.EvidenceAddresses:
		return "you", "Register an address: it is done when the operator has approved one."
	case partner.EvidenceCalls, partner.EvidenceTLS:
		return "you", "Make a call that is let in: it is seen by itself."
	case partner.EvidenceWebhook:
		return "operator", "An operator registers your webhook endpoint with you."
	}
	return "operator", "An operator says so."
}

// itemOptions are the items to which something can be attached.
func itemOptions(review registry.MemberReview) []page.Option {
	out := []page.Option{{Value: "", Text: "The review as a whole"}}
	for _, i := range review.Items {
		if !i.ChecklistItem.Evidence.System() {
			out = append(out, page.Option{Value: i.ID, Text: page.Cut(80, i.Title)})
		}
	}
	return out
}

// addEvidence takes a file or a link. A file is held in memory until it is in the register, so that only some come at once.
func (v *visit) addEvidence(w http.ResponseWriter, r *http.Request) {
	e, ok := v.s.environment(r.PathValue("environment"))
	if !ok {
		v.nowhere(w, r)
		return
	}
	if !v.s.uploads.enter(v.partner) {
		form, _ := v.readAny(w, r, maxForm)
		v.crowded(w, r, form)
		return
	}
	defer v.s.uploads.leave(v.partner)
	// The clock of the connection, not of the portal. Where there is none (a test), nobody is slow either.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadTime))
	form, file, err := readUpload(w, r, true)
	if err != nil || form.Key == "" {
		v.notThisForm(w, r, form)
		return
	}
	add := evidenceFrom(form, file)
	if form.Bad() {
		v.place(w, r, form, "evidence", evidenceStatus(file))
		return
	}
	_, err = v.do(r, registry.OpEvidenceAdd, e.Name, add, form, "")
	if text := evidenceFault(err); text != "" {
		form.Problem = text
		v.place(w, r, form, "evidence", http.StatusUnprocessableEntity)
		return
	}
	v.settle(w, r, err, form, page.Path(Base+"/start", e.Name), "evidence")
}

func evidenceStatus(file upload) int {
	if file.long {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusUnprocessableEntity
}

// evidenceFrom reads what is attached, and says in the form what is wrong with it.
func evidenceFrom(form *page.Form, file upload) registry.EvidenceAdd {
	add := registry.EvidenceAdd{Item: form.Value("item"), Note: line(form, "note", false, maxReason), URL: strings.TrimSpace(form.Value("url")),
		Name: line(form, "name", false, registry.MaxEvidenceName), Content: file.content}
	switch {
	case file.long:
		form.Refuse("file", fmt.Sprintf("The file is longer than %d MiB and was not kept. Send a shorter one, or put it on a server of yours and attach a link. "+
			"Choose the file again: a browser forgets it.", partner.MaxBlob>>20))
	case len(add.Content) > 0 && add.URL != "":
		form.Refuse("url", "Attach a file or a link, one at a time. The file has to be chosen again.")
	case len(add.Content) == 0 && file.name != "":
		form.Refuse("file", "The file is empty.")
	case len(add.Content) == 0 && add.URL == "":
		form.Refuse("file", "Choose a file, or write a link.")
	case add.URL != "" && !isLink(add.URL):
		form.Refuse("url", fmt.Sprintf("Write the whole address, beginning with https://, without a user name in it, at most %d characters.", registry.MaxEvidenceURL))
	}
	if add.Name == "" {
		add.Name = nameFor(file.name, add.URL)
	}
	if strings.ContainsAny(add.Name, `/\`) || strings.HasPrefix(add.Name, ".") {
		form.Refuse("name", "A name has no slash, and no dot in front.")
	}
	return add
}

// evidenceFault is what the register holds against a piece, in words; empty: nothing, or something that is not about it.
func evidenceFault(err error) string {
	switch {
	case errors.Is(err, registry.ErrState):
		return fmt.Sprintf("Nothing more can be added: you can attach %d pieces and %d MiB of files to a review, and a closed one has no more to come.",
			registry.MaxMemberEvidence, registry.MaxMemberEvidenceBytes>>20)
	case errors.Is(err, registry.ErrArgument), errors.Is(err, partner.ErrInvalid):
		return "It cannot be taken. Files are PDF, PNG, JPEG, ZIP, office documents or plain text; an item that asks for a file takes no link, and one that " +
			"asks for a link takes no file. A file has to be chosen again."
	}
	return ""
}

// addComment writes a comment on the partner's own review.
func (v *visit) addComment(w http.ResponseWriter, r *http.Request) {
	form := v.form(w, r)
	if form == nil {
		return
	}
	e, ok := v.s.environment(r.PathValue("environment"))
	if !ok {
		v.nowhere(w, r)
		return
	}
	text := lines(form, "text", registry.MaxCommentText)
	if form.Bad() {
		v.place(w, r, form, "comment", http.StatusUnprocessableEntity)
		return
	}
	_, err := v.do(r, registry.OpCommentAdd, e.Name, registry.CommentAdd{Text: text}, form, "")
	v.settle(w, r, err, form, page.Path(Base+"/start", e.Name), "comment")
}

// evidence gives out a file that a member of the same partner attached: as an attachment, never to be shown by a browser.
func (v *visit) evidence(w http.ResponseWriter, r *http.Request) {
	e, content, err := v.s.cfg.Register.MemberEvidence(r.Context(), v.partner, r.PathValue("evidence"))
	if err != nil {
		v.fail(w, r, err, nil)
		return
	}
	if content == nil {
		v.nowhere(w, r)
		return
	}
	attach(w, e.Name, "application/octet-stream", content)
}

// attach sends a file that is not shown by a browser. The name is the text of a stranger.
func attach(w http.ResponseWriter, name, kind string, content []byte) {
	page.Protect(w.Header())
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", "attachment")
	if named := mime.FormatMediaType("attachment", map[string]string{"filename": name}); named != "" {
		w.Header().Set("Content-Disposition", named)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	_, _ = w.Write(content) // a browser that went away needs no answer
}
