package stream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"countersign.dev/internal/audit/segment"
)

// source reads both records from a position on.
type source struct {
	cfg    Config
	at     position // of what batch has returned
	reader *segment.Reader
	missed uint64
}

func openSource(cfg Config, at position) (*source, error) {
	s := &source{cfg: cfg, at: at}
	if cfg.Dir == "" {
		return s, nil
	}
	id, err := recordID(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("read the decision record: %w", err)
	}
	if id != "" && id != at.Record {
		if at.Record != "" {
			cfg.Log.Warn("the decision record is another one: all of it is streamed", "record", id, "former", at.Record, "sent", at.Decisions)
		}
		s.at.Record, s.at.Decisions = id, 0
	}
	reader, err := segment.NewReader(segment.ReaderConfig{Dir: cfg.Dir, Seq: s.at.Decisions + 1})
	if err != nil {
		return nil, fmt.Errorf("read the decision record: %w", err)
	}
	s.reader = reader
	return s, nil
}

// recordID is the id in the header of the last segment; empty while there is none.
func recordID(dir string) (string, error) {
	all, err := segment.Segments(nil, dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(all) == 0 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	in, err := segment.OpenSegment(nil, dir, all[len(all)-1].Number)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	text, _ := bufio.NewReader(io.LimitReader(in, segment.MaxLine)).ReadBytes('\n') // a cut one is no header
	if err := in.Close(); err != nil {
		return "", err
	}
	h, err := segment.ParseHeader(bytes.TrimSuffix(text, []byte("\n")))
	if err != nil && len(text) == 0 {
		return "", nil // it is being begun
	}
	return h.Record, err
}

func (s *source) close() {
	if s.reader != nil {
		_ = s.reader.Close() // only read from
	}
}

// takeMissed is how many lines were missed since the last call.
func (s *source) takeMissed() (n uint64) {
	n, s.missed = s.missed, 0
	return n
}

// batch is what comes next, of both records; nothing when there is nothing for now. After an error the source is done with.
func (s *source) batch(ctx context.Context) ([]Message, error) {
	var list []Message
	if s.cfg.Changes != nil {
		rows, err := s.cfg.Changes.Changes(ctx, s.at.Changes, maxBatch)
		if err != nil {
			return nil, fmt.Errorf("read the record of changes: %w", err)
		}
		for _, row := range rows {
			list = append(list, change(row))
			s.at.Changes = row.Seq
		}
	}
	if s.reader == nil {
		return list, nil
	}
	for size := 0; len(list) < 2*maxBatch && size < maxBatchBytes; {
		m, err := s.decision()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		list = append(list, m)
		size += len(m.Text)
	}
	return list, nil
}

// decision is the next line; io.EOF when there is none yet.
func (s *source) decision() (Message, error) {
	for {
		line, err := s.reader.Next()
		if errors.Is(err, segment.ErrMalformed) {
			s.cfg.Log.Warn("a line of the decision record cannot be streamed", "cause", err.Error())
			continue
		}
		if err != nil {
			return Message{}, err
		}
		if due := s.at.Decisions + 1; line.Seq > due {
			s.missed += line.Seq - due
		}
		s.at.Decisions = max(s.at.Decisions, line.Seq)
		return decision(line.Seq, slices.Clone(line.Text)), nil
	}
}
