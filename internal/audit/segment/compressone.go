package segment

import (
	"context"

	"countersign.dev/internal/faultfile"
)

// CompressSegment puts a compressed file in the place of a segment's plain one, as a Writer does with segments that it has closed: for
// a folder that no Writer has, such as a record that came from another node. There is a whole copy at every instant. A nil fsys is
// the operating system's. The error is the disk's, or the context's.
func CompressSegment(ctx context.Context, fsys faultfile.FS, dir string, number uint64) error {
	fsys = orOS(fsys)
	segments, err := Segments(fsys, dir)
	if err != nil {
		return err
	}
	w := &Writer{cfg: Config{Dir: dir, FS: fsys}}
	for _, s := range segments {
		if s.Number == number && s.Plain {
			return w.compress(ctx, s)
		}
	}
	return nil
}
