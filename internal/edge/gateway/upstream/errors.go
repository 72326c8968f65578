package upstream

import (
	"context"
	"errors"
	"fmt"
)

// The outcomes of a request that brought no usable answer. Every error of Do,
// and every error but io.EOF of an answer's Body, is exactly one of them under
// errors.Is. The text carries the cause for the log; it is not for the caller,
// and it never repeats bytes of the request or of an answer.
var (
	// ErrUnreachable: no connection, or it ended before the first byte of an
	// answer. The upstream may still have received the request.
	ErrUnreachable = errors.New("upstream unreachable")
	// ErrTimeout: the upstream took the request and then stayed silent, or did
	// not take it, for too long; or the deadline of the caller's context passed.
	ErrTimeout = errors.New("upstream timed out")
	// ErrInvalidAnswer: an answer that violates the protocol or its bounds, or
	// ends before it is complete (then io.ErrUnexpectedEOF is wrapped as well).
	ErrInvalidAnswer = errors.New("upstream answer invalid")
	// ErrCanceled: the caller's context was cancelled.
	ErrCanceled = errors.New("upstream request canceled")
	// ErrOverloaded: all MaxConns connections are in use and none became free
	// within QueueTimeout, or MaxWaiting others wait already. Nothing was sent.
	ErrOverloaded = errors.New("upstream connections exhausted")
	// ErrInvalidRequest: the request cannot be written unambiguously. Nothing
	// was sent; it is a fault of the code that called.
	ErrInvalidRequest = errors.New("upstream request invalid")
)

// fail joins an outcome, the step that failed and its cause. A cause that has
// an outcome already keeps it, so that an error never has two.
func fail(kind error, step string, cause error) error {
	if cause == nil {
		return fmt.Errorf("%w: %s", kind, step)
	}
	if classified(cause) {
		return cause
	}
	return fmt.Errorf("%w: %s: %w", kind, step, cause)
}

func classified(err error) bool {
	for _, kind := range []error{ErrUnreachable, ErrTimeout, ErrInvalidAnswer, ErrCanceled, ErrOverloaded, ErrInvalidRequest} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// invalid is an answer that violates the protocol. The texts are fixed ones, so
// that an upstream cannot write into the log through them.
func invalid(fault string) error {
	return fail(ErrInvalidAnswer, fault, nil)
}

// ended tells why a finished context ended: cancelled by the caller, or out of
// time. It is nil while the context lives.
func ended(ctx context.Context) error {
	switch err := ctx.Err(); {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return fail(ErrTimeout, "caller's deadline", err)
	default:
		return fail(ErrCanceled, "caller", err)
	}
}
