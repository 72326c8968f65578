package main

import (
	"context"
	"errors"
	"net"
	"net/http"
)

// listening is one HTTP server at work.
type listening struct {
	server *http.Server
	addr   net.Addr
	failed chan error // gets the error that ended it, unless it was shut down
}

func serveOn(server *http.Server, listener net.Listener) *listening {
	l := &listening{server: server, addr: listener.Addr(), failed: make(chan error, 1)}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			l.failed <- err
		}
	}()
	return l
}

// drain takes no new request and waits for those that run; what is left when ctx ends is cut off.
func (l *listening) drain(ctx context.Context) error {
	if l == nil {
		return nil
	}
	if err := l.server.Shutdown(ctx); err != nil {
		return errors.Join(err, l.server.Close())
	}
	return nil
}
