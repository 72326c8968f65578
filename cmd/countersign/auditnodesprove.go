package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/audit/shipping"
)

// proveAgain reads every collected record from its first line. What a gap lies in is proven piece by piece.
func proveAgain(list []*nodeView) error {
	for _, view := range list {
		if view.collect == nil || view.collect.Segment == 0 {
			continue
		}
		anchors, err := collectedAnchors(view.collect)
		if err != nil && view.Wrong == "" {
			view.Wrong = err.Error()
		}
		read, write, err := os.Pipe()
		if err != nil {
			return err
		}
		copied := make(chan error, 1)
		go func() {
			_, err := segment.CopyLines(context.Background(), nil, view.collect.Dir, write, segment.Extent{})
			copied <- errors.Join(err, write.Close())
		}()
		report, err := segment.VerifyLines(read, anchors)
		if err := errors.Join(err, read.Close(), <-copied); err != nil {
			return err
		}
		switch {
		case !report.OK():
			view.Wrong = "node " + view.collect.Stream().String() + ", read again: " + report.Faults[0]
		case report.Last < view.Verified:
			view.Wrong = fmt.Sprintf("node %s, read again: it ends with line %d, and line %d was proven when it came: it was cut off here", view.collect.Stream(), report.Last, view.Verified)
		case report.Pieces > 1+len(view.Gaps):
			view.Wrong = fmt.Sprintf("node %s, read again: %d lines were taken out of it here", view.collect.Stream(), report.Missing)
		}
	}
	return nil
}

// collectedAnchors are the signed ends of a collected record, by the key that it was taken with. A book that begins late is one of which
// the depot had no more.
func collectedAnchors(one *shipping.Collected) ([]checkpoint.Anchor, error) {
	if one.Key == nil {
		return nil, nil
	}
	key, err := checkpoint.ParsePublic(one.Key.Public)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(one.Book)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if one.BookBegun > 0 {
		return nil, nil
	}
	statements, err := checkpoint.ReadStatements(f, nil, key)
	var anchors []checkpoint.Anchor
	for _, st := range statements {
		if st.Seq <= one.Verified {
			anchors = append(anchors, st.Anchor)
		}
	}
	return anchors, err
}
