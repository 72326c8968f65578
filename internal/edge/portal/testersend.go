package portal

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/tester"
)

// testerAnswer is the Data of "tester-answer".
type testerAnswer struct {
	Form       *page.Form
	Trouble    string
	Answer     *answerView
	Decision   *callRow
	Size       int
	Sent       []string
	SentLeft   int
	Signed     []string
	Kept       []page.Kept
	Explain    bool
	WhereValue string
	Raw        string // the bytes that were sent, as the debugger takes them
	Programs   []tester.Program
}

// answerView is an answer of the gateway, made visible.
type answerView struct {
	Status, Tone     string
	Took             string
	From             string
	RequestID, Story string
	Head, Body       []string
	Left             int
	Cut, Broken      bool
}

// testerSend sends a call to the gateway of its sandbox, once.
func (v *visit) testerSend(w http.ResponseWriter, r *http.Request) {
	form, b, ok := v.testerForm(w, r)
	if !ok {
		return
	}
	at, err := time.Parse(time.RFC3339, form.Value("at"))
	if err != nil || len(form.Value("nonce")) > 1024 {
		v.notThisForm(w, r, nil)
		return
	}
	call, _, err := v.build(b, form, tester.Claims{At: at, Nonce: form.Value("nonce")}, false)
	switch {
	case err != nil:
		v.fail(w, r, err, form)
		return
	case call == nil:
		v.showTester(w, r, b, testerPage{Form: form}, http.StatusUnprocessableEntity)
		return
	}
	message, err := call.Message(form.Value(tester.FieldSignature))
	var problems tester.Problems
	switch {
	case errors.As(err, &problems):
		v.testerAgain(w, r, b, call, form, problems)
	case err != nil:
		v.fail(w, r, err, form)
	default:
		v.relay(w, r, call, message, form)
	}
}

// testerAgain shows the prepared call again, with what is wrong beside the signature, under the key that it had.
func (v *visit) testerAgain(w http.ResponseWriter, r *http.Request, b *bench, call *tester.Call, form *page.Form,
	problems tester.Problems) {
	refuse(form, problems)
	data := testerPage{Form: form, Send: form}
	v.prepared(&data, call, form)
	v.showTester(w, r, b, data, http.StatusUnprocessableEntity)
}

// relay sends the message and shows what came back.
func (v *visit) relay(w http.ResponseWriter, r *http.Request, call *tester.Call, m *tester.Message, form *page.Form) {
	data := testerAnswer{Size: len(m.Head) + len(m.Body), Kept: keptOf(form), WhereValue: form.Value("where"),
		Programs: call.Programs()}
	data.Sent, data.SentLeft = visibleLines(m.Bytes(), shownBytes)
	data.Signed, _ = visibleLines(call.Canonical, shownBytes)
	if data.Form = v.newForm(w, r); data.Form == nil {
		return
	}
	from, known := v.from(r)
	if !known {
		data.Trouble = "Nothing was sent: your own address cannot be told from this connection, and it is a part of the decision."
		v.showAnswer(w, r, data, http.StatusConflict)
		return
	}
	answer, err := v.s.cfg.Tester.Sender.Send(r.Context(), tester.Order{Member: v.who.ID, Key: form.Key, From: from, Message: m})
	if err != nil {
		status, text := sendTrouble(err)
		if status == http.StatusServiceUnavailable && r.Context().Err() == nil {
			v.s.cfg.Log("relay a call of the tester", err)
		}
		if data.Trouble = text; status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "10")
		}
		v.showAnswer(w, r, data, status)
		return
	}
	data.Answer = viewOfAnswer(answer, from.Addr())
	data.Decision = v.decision(r.Context(), answer.RequestID, m.Environment)
	refused := answer.Status >= 400 && (data.Decision == nil || !data.Decision.Allowed) // what was let in was signed well
	if raw := string(m.Bytes()); call.Plan != nil && refused && v.debugs() && utf8.ValidString(raw) {
		data.Explain, data.Raw = true, raw
	}
	v.showAnswer(w, r, data, 0)
}

func (v *visit) showAnswer(w http.ResponseWriter, r *http.Request, data testerAnswer, status int) {
	title := "What came back"
	if data.Answer == nil {
		title = "Nothing came back"
	}
	v.show(w, r, "tester-answer", page.View{Title: title, Section: "tester", Trail: []page.Item{{Text: "Try a call",
		Href: Base + "/tester"}}, Status: status, Data: data})
}

// from is the visitor's own address: the one that the portal derives, so that a proxy in front of it does not stand for all
// visitors. The port is the connection's, for the record alone.
func (v *visit) from(r *http.Request) (netip.AddrPort, bool) {
	seen := v.s.cfg.Address(r)
	if !seen.Known || !seen.Address.IsValid() {
		return netip.AddrPort{}, false
	}
	_, text, _ := net.SplitHostPort(r.RemoteAddr)
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		port = 0
	}
	return netip.AddrPortFrom(seen.Address, uint16(port)), true
}

// sendTrouble says what became of a call that brought no answer.
func sendTrouble(err error) (status int, text string) {
	switch {
	case errors.Is(err, tester.ErrTooOften):
		return http.StatusTooManyRequests, "Nothing was sent: you have sent as many calls as are allowed in a minute. Wait a " +
			"little, and send it again."
	case errors.Is(err, tester.ErrBusy):
		return http.StatusTooManyRequests, "Nothing was sent: another call from the tester is still under way. Wait until it has " +
			"its answer, and send this one again."
	case errors.Is(err, tester.ErrSentAlready):
		return http.StatusConflict, "Nothing was sent this time: this very call was sent before, and its answer was shown then. " +
			"Your calls list it. Make another call of it to send it again."
	case errors.Is(err, tester.ErrUnreached):
		return http.StatusServiceUnavailable, "Nothing was sent: the gateway of this environment cannot be reached from here just " +
			"now, or closes connections from addresses that it does not " +
			"know, or asks for a client certificate. Look whether your address is registered, and try again."
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable, "There was no whole answer in time. The API may have seen the call: look at your " +
			"calls before you send another one."
	case errors.Is(err, tester.ErrAnswer):
		return http.StatusServiceUnavailable, "What came back was no answer that can be read. The API may have seen the call: " +
			"look at your calls before you send another one."
	}
	return http.StatusServiceUnavailable, "The gateway ended the connection without an answer. The API may have seen the call: " +
		"look at your calls before you send another one."
}

func viewOfAnswer(a *tester.Answer, from netip.Addr) *answerView {
	v := &answerView{Status: strconv.Itoa(a.Status) + " " + http.StatusText(a.Status), Tone: "bad", Took: page.Span(a.Took),
		From:      from.String(),
		RequestID: a.RequestID, Cut: a.Cut, Broken: a.Broken}
	if a.Status < 400 {
		v.Tone = "good"
	}
	if a.RequestID != "" {
		v.Story = page.Path(Base+"/calls", a.RequestID)
	}
	v.Head, _ = visibleLines(a.Head, shownBytes)
	v.Body, v.Left = visibleLines(a.Body, shownBytes)
	return v
}

// The record is written behind the answer: it is looked at so often, with so long between.
const (
	decisionTries = 4
	decisionPause = 200 * time.Millisecond
)

// decision is what the record says of a call that was just answered; nil: nothing yet, or nothing that a partner may see. The
// page has a link to it in any case.
func (v *visit) decision(ctx context.Context, requestID, environment string) *callRow {
	if requestID == "" || v.s.cfg.Records == nil {
		return nil
	}
	q := search.Query{RequestID: requestID, Partner: v.partner, Environment: environment, Decision: "final", Limit: 1}
	for range decisionTries {
		found, err := v.s.cfg.Records.Find(ctx, q)
		if err != nil {
			return nil
		}
		if len(found.Found) > 0 {
			row := callOf(&found.Found[0].Line)
			return &row
		}
		pause := time.NewTimer(decisionPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil
		}
	}
	return nil
}

// debugs says whether a signature can be explained here.
func (v *visit) debugs() bool { return v.s.cfg.Debugger.Desk != nil }
