package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"countersign.dev/internal/store"
)

// explain gives an error of the driver its sentinel, the database's name and what to do. Other errors stay as they are.
func (d *DB) explain(err error) error {
	if err == nil || sorted(err) {
		return err
	}
	var fault *pgconn.PgError
	if errors.As(err, &fault) {
		return d.explainCode(fault.Code, err)
	}
	if cut(err) {
		return fmt.Errorf("%s: %w; decisions go on from what was read last, changes wait until it answers: %w", d.name, store.ErrUnreachable, err)
	}
	return err
}

// explainCode sorts by SQLSTATE (PostgreSQL, appendix A).
func (d *DB) explainCode(code string, err error) error {
	switch {
	case code == "55P03", code == "40001", code == "40P01", code == "57014":
		return fmt.Errorf("%s: %w; another node is writing, try again: %w", d.name, store.ErrBusy, err)
	case code == "25006", code == "42501":
		return fmt.Errorf("%s: %w; check the user's rights, and that this is the primary and no standby: %w", d.name, store.ErrReadOnly, err)
	case code == "53100":
		return fmt.Errorf("%s: %w; make room, nothing of this change was kept: %w", d.name, store.ErrFull, err)
	case code == "XX001", code == "XX002":
		return fmt.Errorf("%s: %w; keep a copy of it and restore a backup: %w", d.name, store.ErrCorrupt, err)
	case code == "3D000", strings.HasPrefix(code, "28"):
		return fmt.Errorf("%s: %w; check the database's name, the user and its password: %w", d.name, store.ErrUnreachable, err)
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "57P"), code == "53300":
		return fmt.Errorf("%s: %w; decisions go on from what was read last, changes wait until it answers: %w", d.name, store.ErrUnreachable, err)
	}
	return fmt.Errorf("%s: %w", d.name, err)
}

// cut reports whether the connection is what failed.
func cut(err error) bool {
	var dial *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &dial) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.As(err, &network) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) ||
		strings.Contains(err.Error(), "conn closed")
}

func sorted(err error) bool {
	for _, known := range []error{store.ErrBusy, store.ErrReadOnly, store.ErrFull, store.ErrCorrupt, store.ErrForeign, store.ErrUnreachable, store.ErrUnrecorded, store.ErrMissing} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
