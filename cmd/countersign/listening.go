package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// listening is one HTTP server at work.
type listening struct {
	server httpServer
	addr   net.Addr
}

// httpServer is what serves a listener: net/http's server, or ours.
type httpServer interface {
	Serve(net.Listener) error
	Shutdown(context.Context) error
	Close() error
}

// serveOn serves until the server is shut down. Where it ends otherwise, failed gets the error, unless it holds one already:
// the first is enough to end the program.
func serveOn(name string, server httpServer, listener net.Listener, failed chan<- error) *listening {
	go func() {
		err := server.Serve(listener)
		if errors.Is(err, http.ErrServerClosed) {
			return
		}
		select {
		case failed <- fmt.Errorf("serve %s: %w", name, err):
		default:
		}
	}()
	return &listening{server: server, addr: listener.Addr()}
}

// drain takes no new request and waits for those that run; what is left when ctx ends is cut off, and drain says so.
func (l *listening) drain(ctx context.Context) (cut bool, err error) {
	if l == nil {
		return false, nil
	}
	err = l.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return true, l.server.Close()
	}
	return false, err
}
