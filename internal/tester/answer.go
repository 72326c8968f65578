package tester

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"
)

// Bounds of what is read of an answer, in bytes.
const (
	MaxAnswerHead = 32 << 10
	MaxAnswerBody = 256 << 10
	interim       = 4 // answers of 1xx in front of the final one
)

// ErrAnswer is wrapped for an answer that is none, or one that passes its bounds.
var ErrAnswer = errors.New("the answer cannot be read")

// RequestIDHeader is where the gateway tells the id of a request.
const RequestIDHeader = "Countersign-Request-Id"

// Answer is what came back. All of it is untrusted: show it with every byte visible.
type Answer struct {
	Status int
	// Head is the status line and the headers as they came, without the empty line behind them.
	Head []byte
	// Body is the body without its transfer coding, as far as it was read; Cut says that it goes on, Broken that it ended
	// before its end.
	Body        []byte
	Cut, Broken bool
	// RequestID is the id under which the gateway keeps the decision; empty: it told none, or one that is no id.
	RequestID string
	// Took is the time from the opening of the connection to the end of the answer.
	Took time.Duration
}

// readAnswer reads the final answer. 101 is none here: nothing asks for another protocol.
func readAnswer(r io.Reader, method string) (*Answer, error) {
	in := bufio.NewReader(r)
	for range interim + 1 {
		head, err := readHead(in)
		if err != nil {
			return nil, err
		}
		resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), in)), &http.Request{Method: method})
		if err != nil {
			return nil, errors.Join(ErrAnswer, err)
		}
		if resp.StatusCode >= 200 {
			return finish(resp, head), nil
		}
		if resp.StatusCode == http.StatusSwitchingProtocols {
			break
		}
	}
	return nil, ErrAnswer
}

// readHead reads up to the empty line, and not one byte further.
func readHead(in *bufio.Reader) ([]byte, error) {
	var head []byte
	for {
		piece, err := in.ReadSlice('\n')
		if head = append(head, piece...); len(head) > MaxAnswerHead {
			return nil, errors.Join(ErrAnswer, errors.New("its headers are too long"))
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil:
			return nil, errors.Join(ErrAnswer, err)
		case string(piece) == "\r\n" || string(piece) == "\n":
			return head, nil
		}
	}
}

func finish(resp *http.Response, head []byte) *Answer {
	defer resp.Body.Close()
	a := &Answer{Status: resp.StatusCode, Head: bytes.TrimRight(head, "\r\n")}
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswerBody+1))
	a.Broken = err != nil
	if a.Body = body; len(body) > MaxAnswerBody {
		a.Body, a.Cut, a.Broken = body[:MaxAnswerBody], true, false
	}
	if id := resp.Header.Get(RequestIDHeader); isRequestID(id) {
		a.RequestID = id
	}
	return a
}

func isRequestID(s string) bool {
	if len(s) != 32 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
