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
	missed []gap
}

func openSource(ctx context.Context, cfg Config, at position) (*source, error) {
	s := &source{cfg: cfg, at: at}
	if err := s.confirmChanges(ctx); err != nil {
		return nil, fmt.Errorf("read the record of changes: %w", err)
	}
	if cfg.Dir == "" {
		return s, nil
	}
	if err := s.confirmDecisions(); err != nil {
		return nil, fmt.Errorf("read the decision record: %w", err)
	}
	reader, err := segment.NewReader(segment.ReaderConfig{Dir: cfg.Dir, Seq: s.at.Decisions + 1})
	if err != nil {
		return nil, fmt.Errorf("read the decision record: %w", err)
	}
	s.reader = reader
	return s, nil
}

// confirmDecisions begins anew where the record is another one, or an older copy of the one that was streamed: behind the
// position, its new lines would never be seen.
func (s *source) confirmDecisions() error {
	id, err := recordID(s.cfg.Dir)
	if err != nil {
		return err
	}
	if id != "" && id != s.at.Record {
		if s.at.Record != "" {
			s.cfg.Log.Warn("the decision record is another one: all of it is streamed", "record", id, "former", s.at.Record, "sent", s.at.Decisions)
		}
		s.at.Record, s.at.Decisions, s.at.Chain = id, 0, digest{}
	}
	rewound, err := segment.Rewound(nil, s.cfg.Dir, s.at.Decisions, s.at.Chain)
	if rewound {
		s.cfg.Log.Error("the decision record is not the one that was streamed: it was cut, restored or written anew; all of it is streamed again", "record", id, "sent", s.at.Decisions)
		s.at.Decisions, s.at.Chain = 0, digest{}
	}
	return err
}

// confirmChanges is confirmDecisions for the register.
func (s *source) confirmChanges(ctx context.Context) error {
	if s.cfg.Changes == nil || s.at.Changes == 0 {
		return nil
	}
	rows, err := s.cfg.Changes.Changes(ctx, s.at.Changes-1, 1)
	if err != nil {
		return err
	}
	if len(rows) == 0 || rows[0].Seq != s.at.Changes || s.at.Hash != (digest{}) && s.at.Hash != rows[0].Hash {
		s.cfg.Log.Error("the record of changes is not the one that was streamed: it was restored or written anew; all of it is streamed again", "sent", s.at.Changes)
		s.at.Changes, s.at.Hash = 0, digest{}
	}
	return nil
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

// takeMissed is what was missed since the last call.
func (s *source) takeMissed() (record string, missed []gap) {
	missed, s.missed = s.missed, nil
	return s.at.Record, missed
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
			s.at.Changes, s.at.Hash = row.Seq, row.Hash
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
			s.missed = append(s.missed, gap{due, line.Seq - 1})
		}
		if line.Seq > s.at.Decisions {
			s.at.Decisions, s.at.Chain = line.Seq, line.Chain
		}
		return decision(line.Seq, slices.Clone(line.Text)), nil
	}
}
