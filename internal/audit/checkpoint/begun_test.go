package checkpoint_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/faultfile"
)

// TestABookThatBeginsLateSaysSo: one that somebody took away is followed by a new one, which must not happen without a word.
func TestABookThatBeginsLateSaysSo(t *testing.T) {
	s, _ := key(t, 1)
	for _, c := range []struct {
		what string
		seqs []uint64
		want string
	}{
		{"with its record", []uint64{1, 700}, ""},
		{"later", []uint64{700}, "begun_at_seq=700"},
		{"later, told once", []uint64{700, 701, 702}, "begun_at_seq=700"},
	} {
		var log bytes.Buffer
		b, err := checkpoint.OpenBook(checkpoint.BookConfig{Dir: "/elsewhere", Record: checkpoint.Decisions, Signer: s,
			Log: slog.New(slog.NewTextHandler(&log, nil)), FS: faultfile.NewDisk()})
		if err != nil {
			t.Fatal(err)
		}
		for _, seq := range c.seqs {
			if err := b.Add(says(anchor(seq, 1))); err != nil {
				t.Fatal(err)
			}
		}
		if c.want == "" && log.Len() > 0 || !strings.Contains(log.String(), c.want) || strings.Count(log.String(), "\n") > 1 {
			t.Errorf("%s: the log says %q, want %q", c.what, log.String(), c.want)
		}
	}
}
