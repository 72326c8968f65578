package client

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	exchangeTimeout = 30 * time.Second
	maxAnswer       = 64 << 10 // of an answer of the token endpoint
	maxToken        = 8 << 10
)

// The vendor's codes that are about the token, and those that say that asking again with the same secret is useless or worse.
const (
	codeInvalidToken = 10022
	codeExpiredToken = 10023
)

// exchange asks for a token. after is the pause that the server asked for.
func (t *TokenTransport) exchange(ctx context.Context, secret []byte) (text string, after time.Duration, err error) {
	body := t.form([]field{{"partnerId", []byte(t.cfg.PartnerID)}, {"partnerSecret", secret}})
	defer clear(body)
	resp, err := t.call(ctx, http.MethodPost, body)
	if err != nil {
		return "", 0, fmt.Errorf("%w: %w", ErrExchange, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return "", 0, fmt.Errorf("%w: the answer broke off: %w", ErrExchange, err)
	case len(answer) > maxAnswer:
		return "", 0, fmt.Errorf("%w: the answer has more than %d bytes", ErrExchange, maxAnswer)
	case resp.StatusCode != http.StatusOK:
		return "", retryAfter(resp), refusal(resp.StatusCode, answer)
	}
	if text, err = parseToken(answer); err != nil {
		return "", 0, fmt.Errorf("%w: %w", ErrExchange, err)
	}
	return text, 0, nil
}

// ChangeSecret replaces the partner secret (Modify Partner Secret) and goes on with the new one. immediate ends the old secret
// at once; otherwise both count for the server's grace. newSecret is copied. Errors wrap ErrRefused or ErrExchange; the old
// secret is kept then.
func (t *TokenTransport) ChangeSecret(ctx context.Context, newSecret []byte, immediate bool) error {
	t.mu.Lock()
	old := append([]byte(nil), t.secret...)
	t.mu.Unlock()
	defer clear(old)
	if len(old) == 0 || len(newSecret) == 0 {
		return fmt.Errorf("%w: a secret is missing", ErrExchange)
	}
	fields := []field{{"partnerId", []byte(t.cfg.PartnerID)}, {"partnerSecret", old}, {"newPartnerSecret", newSecret}}
	if !immediate {
		fields = append(fields, field{"immediate", nil})
	}
	body := t.form(fields)
	defer clear(body)
	resp, err := t.call(ctx, http.MethodPut, body)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrExchange, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		return refusal(resp.StatusCode, answer)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.secret != nil { // not closed meanwhile
		clear(t.secret)
		t.secret = append([]byte(nil), newSecret...)
		t.failed, t.retry, t.pause = nil, time.Time{}, 0
	}
	return nil
}

func (t *TokenTransport) call(ctx context.Context, method string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, t.endpoint.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.GetBody = nil // never sent twice by the transport underneath: it counts as an attempt
	media := "application/json"
	if t.cfg.XML {
		media = "application/xml"
	}
	req.Header.Set("Content-Type", media)
	req.Header.Set("Accept", media)
	req.Header.Set(t.cfg.KeyHeader, t.cfg.AppKey)
	return t.cfg.Base.RoundTrip(req)
}

// field is one member of the form; a nil value is false.
type field struct {
	name  string
	value []byte
}

// form writes the members as JSON or XML. The caller wipes it: it holds the secret.
func (t *TokenTransport) form(fields []field) []byte {
	b := make([]byte, 0, 4096) // so that it does not move and leave copies behind
	if !t.cfg.XML {
		for i, f := range fields {
			b = append(b, map[bool]string{true: `{"`, false: `,"`}[i == 0]+f.name+`":`...)
			if f.value == nil {
				b = append(b, "false"...)
				continue
			}
			b = appendJSON(b, f.value)
		}
		return append(b, '}')
	}
	b = append(b, "<credentials>"...)
	for _, f := range fields {
		b = append(b, "<"+f.name+">"...)
		if f.value == nil {
			b = append(b, "false"...)
		} else {
			b = appendXML(b, f.value)
		}
		b = append(b, "</"+f.name+">"...)
	}
	return append(b, "</credentials>"...)
}

func appendJSON(b, text []byte) []byte {
	b = append(b, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, `\u00`...)
			b = append(b, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

func appendXML(b, text []byte) []byte {
	for _, c := range text {
		switch c {
		case '&':
			b = append(b, "&amp;"...)
		case '<':
			b = append(b, "&lt;"...)
		case '>':
			b = append(b, "&gt;"...)
		default:
			b = append(b, c)
		}
	}
	return b
}

// refusal tells what the endpoint answered, and whether the same secret may be sent again. The server's own words are not
// repeated: it might say the secret.
func refusal(status int, answer []byte) error {
	what := fmt.Sprintf("status %d", status)
	code := codeOf(answer)
	if code != 0 {
		what += ", code " + strconv.Itoa(code)
	}
	if status >= 400 && status < 500 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout {
		return fmt.Errorf("%w: %s", ErrRefused, what)
	}
	return fmt.Errorf("%w: %s", ErrExchange, what)
}

func retryAfter(resp *http.Response) time.Duration {
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, int(maxPause/time.Second))) * time.Second
}

// refusesToken reports whether an answer refuses the access token itself.
func refusesToken(resp *http.Response) bool {
	if resp.StatusCode != http.StatusUnauthorized {
		return false
	}
	code := codeOf(peek(resp, 8<<10))
	return code == codeInvalidToken || code == codeExpiredToken
}

// codeOf is the vendor's code in a refusal, JSON or XML; 0: none was found.
func codeOf(answer []byte) int {
	var said struct {
		Code int `json:"code" xml:"code"`
	}
	if json.Unmarshal(answer, &said) == nil {
		return said.Code
	}
	if xml.Unmarshal(answer, &said) == nil {
		return said.Code
	}
	return 0
}

// parseToken takes {"token":"…"} or <access><token>…</token></access>: visible ASCII that can stand in a header.
func parseToken(answer []byte) (string, error) {
	var said struct {
		Token string `json:"token" xml:"token"`
	}
	text := bytes.TrimSpace(answer)
	if json.Unmarshal(text, &said) != nil && xml.Unmarshal(text, &said) != nil {
		return "", errors.New("the answer is neither JSON nor XML")
	}
	if said.Token == "" || len(said.Token) > maxToken || strings.ContainsFunc(said.Token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", errors.New("the answer holds no usable token")
	}
	return said.Token, nil
}
