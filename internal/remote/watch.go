package remote

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"countersign.dev/api"
)

// Node is one server process and the revision of the register that it decides by, as a server tells of it.
type Node struct {
	Name        string        `json:"name"`
	Environment string        `json:"environment"`
	Revision    uint64        `json:"revision"`
	Confirmed   bool          `json:"confirmed"`   // of what a change was answered with: it serves the change, or it has stopped by itself
	State       api.NodeState `json:"state"`       // empty: an older server does not tell
	TookMs      *float64      `json:"took_ms"`     // from the change to its being in force there; nil: not known
	ReadAgeMs   *int64        `json:"read_age_ms"` // since its last reading of the register; nil: not known
	StopsAt     time.Time     `json:"stops_at"`    // when it decides nothing any more by itself; zero: not known
}

// watched sends requests for the contract's client. It names the server where it cannot be reached, refuses redirects, and looks
// at what a change was answered with.
type watched struct{ c *Client }

// Do implements api.Doer.
func (w watched) Do(r *http.Request) (*http.Response, error) {
	answer, err := w.c.http.Do(r)
	if err != nil {
		return nil, unreached(w.c.base, err)
	}
	if answer.StatusCode >= 300 && answer.StatusCode < 400 {
		return nil, errors.Join(fmt.Errorf("the server sends us to another place, where no token goes: %w", ErrAnswer), answer.Body.Close())
	}
	if r.Method == http.MethodGet || answer.StatusCode < 200 || answer.StatusCode > 299 || answer.StatusCode == http.StatusAccepted {
		return answer, nil
	}
	if n, err := strconv.ParseUint(answer.Header.Get("Countersign-Revision"), 10, 64); err == nil {
		w.c.changed(n)
	}
	return answer, w.c.confirmations(answer)
}

// unreached takes the request's text out of an error: it names the server alone.
func unreached(base string, err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return fmt.Errorf("%s cannot be reached: %w", base, err)
}

func (c *Client) changed(revision uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revision = max(c.revision, revision)
}

// Changed is the highest revision that a change of this client was answered with; 0: it has changed nothing.
func (c *Client) Changed() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.revision
}

// confirmations keeps what the nodes said of a change that waited for them, and gives the body back as it was.
func (c *Client) confirmations(answer *http.Response) error {
	if !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json") {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, api.MaxAnswer+1))
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	answer.Body = io.NopCloser(bytes.NewReader(text))
	var said struct {
		Nodes []Node `json:"nodes"`
	}
	_ = json.Unmarshal(text, &said) // what does not fit is told by whoever reads all of it
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes = said.Nodes
	return nil
}

// Confirmed are the nodes as the last change was answered with them, where it was to wait for them.
func (c *Client) Confirmed() []Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes
}
