package segment

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"countersign.dev/internal/faultfile"
)

// ChainAt is the chain value that the record says line seq has; for a checkpoint book that asks whether what it has signed is
// still there (before Open, which may retire the segment that holds it). It is read, not proven; lines before it that are
// damaged are passed over. The error wraps fs.ErrNotExist where there is no such line; any other is the disk's.
func ChainAt(fsys faultfile.FS, dir string, seq uint64) ([32]byte, error) {
	r, err := NewReader(ReaderConfig{Dir: dir, FS: fsys, Seq: seq})
	if err != nil {
		return [32]byte{}, err
	}
	defer r.Close()
	line, err := r.Next()
	for errors.Is(err, ErrMalformed) {
		line, err = r.Next()
	}
	switch {
	case err == nil && line.Seq == seq:
		return line.Chain, nil
	case err == nil || errors.Is(err, io.EOF):
		err = fs.ErrNotExist
	}
	return [32]byte{}, fmt.Errorf("line %d of the decision record: %w", seq, err)
}

// Rewound reports whether the record in dir is not, or no longer, the one that has had line seq with this chain value: it ends
// before that line, or has another one in its place. It is then an older copy, was begun anew, or was written anew; whoever
// goes on behind seq would pass over new lines without a word. A zero chain value is not compared, a line that was retired
// is believed, and so is seq 0. A nil fsys is the operating system's. It is read, not proven.
func Rewound(fsys faultfile.FS, dir string, seq uint64, chain [32]byte) (bool, error) {
	if seq == 0 {
		return false, nil
	}
	fsys = orOS(fsys)
	there, err := ChainAt(fsys, dir, seq)
	if err == nil {
		return chain != [32]byte{} && chain != there, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	segments, err := Segments(fsys, dir)
	if err != nil || len(segments) == 0 {
		return false, err
	}
	first, err := readHeader(fsys, dir, segments[0].Number)
	if errors.Is(err, ErrMalformed) || errors.Is(err, fs.ErrNotExist) {
		return false, nil // damaged, or retired meanwhile: a verification says more
	}
	return err == nil && first.Seq <= seq, err
}
