package search

import (
	"context"
	"fmt"
	"slices"
	"time"

	"countersign.dev/internal/audit/segment"
)

// Tail follows the record in dir: fn gets every line that fits filter, first what is there from the line with the number
// from on (0 or 1: all), then what is written, over the ends of segments, until ctx ends, which is no error, or fn fails,
// whose error it returns. Lines that cannot be read are passed over: a verification names them. Limit, cursor and order of
// filter mean nothing here. every is how often new lines are looked for; 0: 200 ms. Where an open segment was cut by a
// retention meanwhile, what is left follows.
func Tail(ctx context.Context, dir string, from uint64, filter Query, every time.Duration, fn func(Found) error) error {
	filter.Cursor = ""
	if err := filter.Validate(); err != nil {
		return err
	}
	reader, err := segment.NewReader(segment.ReaderConfig{Dir: dir, Seq: from})
	if err != nil {
		return fmt.Errorf("follow the record: %w", err)
	}
	defer reader.Close()
	var l Line
	err = reader.Follow(ctx, every, func(line segment.Line) error {
		if l.Parse(line.Text) != nil || !filter.Match(&l) {
			return nil
		}
		found := Found{Segment: line.Segment, Row: uint64(line.Number - 1), Text: slices.Clone(line.Text)}
		if err := found.Line.Parse(found.Text); err != nil {
			return nil
		}
		return fn(found)
	}, nil)
	if err != nil {
		return fmt.Errorf("follow the record: %w", err)
	}
	return nil
}
