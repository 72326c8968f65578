package portal

import (
	"net/http"
	"sync"
	"time"

	"countersign.dev/internal/edge/page"
)

// Bounds of files that are received: each is held in memory until it is in the register.
const (
	maxUploads = 6               // at once, of all partners; of one partner: one
	uploadTime = 2 * time.Minute // that one may take
)

// uploads knows whose file is being received, so that a partner that sends slowly takes one place and no more.
type uploads struct {
	mu sync.Mutex
	of map[string]bool
}

// enter takes the partner's place; false: it has one already, or there is none left.
func (u *uploads) enter(partnerID string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.of[partnerID] || len(u.of) >= maxUploads {
		return false
	}
	u.of[partnerID] = true
	return true
}

// leave gives it back.
func (u *uploads) leave(partnerID string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.of, partnerID)
}

// crowded says that a file has to wait for others. What was typed is kept.
func (v *visit) crowded(w http.ResponseWriter, r *http.Request, form *page.Form) {
	v.show(w, r, "trouble", page.View{Title: "Not done yet", Status: http.StatusServiceUnavailable, Narrow: true, Data: page.Trouble{
		Text:  "Another file of yours, or too many of others, are being received at this moment. Nothing was done.",
		Next:  []string{"Send it again in a minute. The file has to be chosen again."},
		Links: []page.Item{{Text: "Back", Href: v.again(), Main: true}}, Kept: kept(form), Retry: 30}})
}
