package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/operator"
)

const (
	tailBeat  = 15 * time.Second // between two signs of life; at each it is asked again who follows
	tailWrite = 10 * time.Second // for the reader to take one batch of events
	tailRetry = 2000             // milliseconds after which a browser comes back
)

// Tails follows a decision record; *search.Tails does.
type Tails interface {
	Open(q search.Query, sees func(*search.Line) bool, after uint64) (*search.Tailing, error)
}

// Why a stream ends, as its last event says.
const (
	endedClosing  = "closing"    // the server, or what it serves by, ends: come back at once
	endedSession  = "signed_out" // the session has ended, or what its owner may do has changed
	endedRegister = "unavailable"
)

// DecisionTail sends decision lines as they are written, as server-sent events (HTML standard, section 9.2).
func (h handlers) DecisionTail(w http.ResponseWriter, _ *http.Request, params api.DecisionTailParams) {
	c := w.(*call)
	q, ok := c.decisionQuery(api.DecisionListParams{Environment: params.Environment, API: params.API, Partner: params.Partner,
		Credential: params.Credential, Reason: params.Reason, Warning: params.Warning, Shadow: params.Shadow,
		Decision: api.DecisionListParamsDecision(params.Decision), Address: params.Address})
	if !ok {
		return
	}
	after, ok := c.tailPlace(params)
	if !ok {
		return
	}
	if h.cfg.Tails == nil {
		c.refuse(refusal{kind: api.Unavailable, detail: "This server has no record of decisions to follow.", retry: 60})
		return
	}
	leave, ok := c.followed()
	if !ok {
		return
	}
	defer leave()
	who := c.who
	tail, err := h.cfg.Tails.Open(q, func(l *search.Line) bool { return !who.Confined() || who.Sees(string(l.Environment)) }, after)
	if err != nil {
		c.fail(err)
		return
	}
	defer tail.Close()
	c.follow(tail)
}

// tailPlace is the line behind which to go on: that of Last-Event-ID, which a browser sends when it comes back, or else that of
// the address. false: it has answered.
func (c *call) tailPlace(params api.DecisionTailParams) (uint64, bool) {
	for _, one := range []struct{ name, text string }{{"Last-Event-ID", params.LastEventID}, {"after", params.After}} {
		if one.text == "" {
			continue
		}
		seq, err := strconv.ParseUint(one.text, 10, 63)
		if err != nil {
			c.refuse(refusal{kind: api.Invalid, errors: []field{{one.name, "it is no place of this stream"}}})
			return 0, false
		}
		return seq, true
	}
	return 0, true
}

// followed takes one of the places for streams; false: it has answered.
func (c *call) followed() (leave func(), ok bool) {
	t := c.s.tails
	if t.over() {
		c.refuse(refusal{kind: api.Unavailable, detail: "This server is ending, or has a new configuration.", retry: 2})
		return nil, false
	}
	key := string(c.who.Kind) + "/" + c.who.ID
	switch mine, all := t.come(key); {
	case !mine:
		c.refuse(refusal{kind: api.TooManyRequests, retry: 10,
			detail: fmt.Sprintf("You follow the record %d times already. Close one of the pages or programs that do.", tailsEach)})
		return nil, false
	case !all:
		c.refuse(refusal{kind: api.TooManyRequests, detail: "Too many follow the record at the moment.", retry: 30})
		return nil, false
	}
	return func() { t.leave(key) }, true
}

// follow writes events until either side ends it. The write deadline is moved by each of them; the read deadline of the listener
// would end the stream as if its reader had gone.
func (c *call) follow(tail *search.Tailing) {
	_ = http.NewResponseController(c.ResponseWriter).SetReadDeadline(time.Time{})
	h := c.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy on the way keeps nothing back
	c.WriteHeader(http.StatusOK)
	beat, stop := c.s.tails.tick(tailBeat)
	defer stop()
	events := fmt.Appendf(nil, ": open\nretry: %d\n\n", tailRetry)
	for end := ""; c.send(events) && end == ""; {
		select {
		case <-c.r.Context().Done():
			return
		case <-c.s.tails.ending:
			events, end = nil, endedClosing
		case <-beat:
			events, end = []byte(": beat\n\n"), c.goneMeanwhile()
		case <-tail.Ready():
			got, err := tail.Take()
			if events = eventsOf(got); err != nil {
				end = endedClosing
			}
		}
		if end != "" {
			events = fmt.Appendf(events, "event: end\ndata: {\"reason\":%q}\n\n", end)
		}
	}
}

// goneMeanwhile says why the stream must end although nobody has ended it; empty: it goes on.
func (c *call) goneMeanwhile() string {
	ctx, cancel := context.WithTimeout(c.r.Context(), tailWrite)
	defer cancel()
	err := c.s.still(ctx, c.r, c.who)
	switch {
	case err == nil:
		return ""
	case isNotSignedIn(err):
		return endedSession
	}
	c.s.cfg.Log.Error("who follows the record cannot be asked again", "request_id", c.id, "error", err)
	return endedRegister
}

// still asks whether who is who it was, and may what it might.
func (s *Server) still(ctx context.Context, r *http.Request, who operator.Principal) error {
	if s.cfg.Still != nil {
		return s.cfg.Still(ctx, who)
	}
	now, err := s.cfg.Authenticate(r.WithContext(ctx))
	if err == nil && !sameRights(now, who) {
		return operator.ErrNotSignedIn
	}
	return err
}

// send writes whole events and sees to it that they leave; false: the reader has gone, or does not read.
func (c *call) send(events []byte) bool {
	if len(events) == 0 {
		return true
	}
	rc := http.NewResponseController(c.ResponseWriter)
	_ = rc.SetWriteDeadline(c.s.wire().Add(tailWrite)) // a connection that keeps no deadlines has its own
	n, err := c.ResponseWriter.Write(events)
	c.bytes += int64(n)
	return err == nil && rc.Flush() == nil
}

// eventsOf writes what has come. The place stands in each line's id, so that a reader that was cut off loses nothing that is kept.
func eventsOf(got search.Arrived) []byte {
	var b bytes.Buffer
	if got.Gap {
		b.WriteString("event: lost\ndata: {\"lines\":0}\n\n")
	}
	for _, f := range got.Found {
		data, err := json.Marshal(api.DecisionFound{Segment: int64(f.Segment), Row: int64(f.Row), Line: f.Text})
		if err != nil {
			continue // a line that is no JSON is for audit verify
		}
		if f.Line.Seq > 0 {
			fmt.Fprintf(&b, "id: %d\n", f.Line.Seq)
		}
		fmt.Fprintf(&b, "event: decision\ndata: %s\n\n", data)
	}
	if got.Lost > 0 {
		fmt.Fprintf(&b, "event: lost\ndata: {\"lines\":%d}\n\n", got.Lost)
	}
	return b.Bytes()
}
