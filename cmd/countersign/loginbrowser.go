package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

// handoff is one sign-in: what the browser brings back has to carry the state, and the code counts only together with the
// verifier, which never leaves this process before (RFC 7636, RFC 8252 §7.3 and §8.1).
type handoff struct {
	state    string
	verifier string
	host     string // "127.0.0.1:PORT": what a browser that was sent here calls us
	codes    chan string
	refused  chan error
}

const maxPasted = 4096

// askBrowser sends the browser to the server and exchanges the code that it brings back.
func (o *loginOptions) askBrowser(ctx context.Context, c *cobra.Command, client *remote.Client, out *output) (remote.SignedIn, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return remote.SignedIn{}, fmt.Errorf("wait for the browser: %w", err)
	}
	h := &handoff{state: rand.Text(), verifier: verifier(), host: listener.Addr().String(), codes: make(chan string, 1), refused: make(chan error, 1)}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10}
	go func() { _ = server.Serve(listener) }()
	defer shutDown(server)
	challenge := h.challenge()
	query := url.Values{"challenge": {challenge}, "port": {strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)}, "state": {h.state}}
	address := client.Server() + "/sign-in/cli?" + query.Encode()
	out.note("this terminal is %s; the browser shows the same before it asks", challenge[:8])
	o.send(ctx, c, out, address, h)
	select {
	case code := <-h.codes:
		return client.Exchange(ctx, code, h.verifier)
	case err := <-h.refused:
		return remote.SignedIn{}, err
	case <-ctx.Done():
		return remote.SignedIn{}, hinted{errors.Join(errors.New("nobody signed in"), ctx.Err()), "try again; with --no-browser the address is printed"}
	}
}

// shutDown lets the page that says "done" reach the browser.
func shutDown(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = server.Shutdown(ctx)
}

// verifier is 32 random bytes in 43 characters (RFC 7636 §4.1).
func verifier() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand.Read ends the process instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// challenge is what the server gets of the verifier (RFC 7636 §4.2, S256).
func (h *handoff) challenge() string {
	digest := sha256.Sum256([]byte(h.verifier))
	return base64.RawURLEncoding.EncodeToString(digest[:])
}

// send opens the browser, or says where to go. With --no-browser the address at which it ended may be pasted.
func (o *loginOptions) send(ctx context.Context, c *cobra.Command, out *output, address string, h *handoff) {
	if !o.noBrowser && openBrowser(ctx, address) == nil {
		out.note("the browser was opened; if it was not, go to\n  %s", address)
		return
	}
	out.note("sign in at\n  %s", address)
	if !o.noBrowser {
		return
	}
	out.note("if the browser is on another machine, paste the address that it ends at (http://127.0.0.1:...):")
	go func() {
		line, _ := bufio.NewReader(io.LimitReader(c.InOrStdin(), maxPasted)).ReadString('\n')
		if u, err := url.Parse(strings.TrimSpace(line)); err == nil && u.RawQuery != "" {
			h.take(u.Query())
		}
	}()
}

// openBrowser starts the system's own; the address is one argument and goes through no shell.
func openBrowser(ctx context.Context, address string) error {
	name, args := "xdg-open", []string{address}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", address}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, path, args...)
	if err := command.Start(); err != nil {
		return err
	}
	go func() { _ = command.Wait() }()
	return nil
}

// take reads what the browser brought back. Whatever lacks the state is somebody else's and changes nothing.
func (h *handoff) take(query url.Values) bool {
	if subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(h.state)) != 1 {
		return false
	}
	if query.Get("code") == "" {
		select {
		case h.refused <- hinted{errors.New("the sign-in was refused in the browser"), "try again, and allow this terminal"}:
		default:
		}
		return true
	}
	select {
	case h.codes <- query.Get("code"):
	default: // one is enough
	}
	return true
}

// ServeHTTP takes the code from the browser. Only a request for this very host and path counts: a page elsewhere that guesses the
// port has no state.
func (h *handoff) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	head.Set("Cache-Control", "no-store")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet || r.URL.Path != "/" || r.Host != h.host || !h.take(r.URL.Query()) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, page("Not found", "This is not what the terminal waits for."))
		return
	}
	_, _ = io.WriteString(w, page("Done", "You can close this tab and go back to the terminal."))
}

func page(title, text string) string {
	return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>` + title + `</title><h1>` + title + `</h1><p>` + text + `</p></html>`
}
