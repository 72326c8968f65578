package http1

import (
	"net/http"
	"time"
)

// dated is the text of the field Date for one second.
type dated struct {
	second int64
	text   string
}

// date is the moment as the field Date has it (RFC 9110 §6.6.1), made once a second.
func (s *Server) date() string {
	now := time.Now()
	if d := s.dated.Load(); d != nil && d.second == now.Unix() {
		return d.text
	}
	d := &dated{second: now.Unix(), text: now.UTC().Format(http.TimeFormat)}
	s.dated.Store(d)
	return d.text
}
