package shipping

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"countersign.dev/internal/faultfile"
)

// GoOn asks a collector to take a record up again behind its fault, with the first whole segment that follows. What lies between stays
// unproven and is not taken; the record says so for ever (Status.Gaps). It is for a person who has seen the fault. The error wraps
// fs.ErrNotExist where there is no such record, or it has no fault.
func GoOn(root string, s Stream) error {
	folder := filepath.Join(root, filepath.FromSlash(s.Folder()))
	if err := s.Check(); err != nil {
		return err
	}
	st, err := loadStatus(folder)
	if err == nil && st.Fault == nil {
		err = fmt.Errorf("%s has no fault: %w", s, fs.ErrNotExist)
	}
	if err != nil {
		return err
	}
	return writeFile(folder, goOnFile, fmt.Appendf(nil, "%d %d\n", st.Fault.Segment, st.Fault.Offset))
}

// seenFault is the segment of the fault behind which somebody has a record go on. The error wraps fs.ErrNotExist where nobody has.
func seenFault(path string) (number uint64, err error) {
	f, err := faultfile.OS{}.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var offset int64
	if _, err := fmt.Fscanf(io.LimitReader(f, 64), "%d %d\n", &number, &offset); err != nil || number >= math.MaxInt64 {
		return 0, fmt.Errorf("%s names no fault: remove it, and ask again", path)
	}
	return number, nil
}

// goOn says where a record goes on that was told to; wanted: it was. The error may be errLater: that segment is not there yet.
func (a *arrival) goOn(ctx context.Context) (at Place, wanted bool, err error) {
	path := filepath.Join(a.folder, goOnFile)
	seen, err := seenFault(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return at, false, nil
	case err != nil:
		return at, false, err
	case a.state.Fault == nil:
		return at, false, os.Remove(path)
	case a.state.Fault.Segment > seen && time.Now().Before(a.again):
		return at, true, errLater // what is behind does not verify either: that fault nobody has seen yet
	}
	places, err := a.list(ctx, Lines, Place{seen + 1, 0}, 1)
	if err == nil && (len(places) == 0 || places[0].Offset > 0) {
		err = errLater
	}
	if err != nil {
		return at, true, err
	}
	return places[0], true, nil
}
