package segment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/faultfile"
)

// Inspector proves one record again and again, and does not read a closed segment twice while its file is the same one: the same
// name, size, time of change and identity, and no checkpoint speaks of another of its lines. That is what a partial verification
// does not prove: whoever can write the file and set its times back hides an alteration from it, and bytes that a disk loses
// without a write do not show. A whole one reads everything. Not safe for concurrent use.
type Inspector struct {
	dir  string
	fsys faultfile.FS
	kept map[uint64]keptProof
}

// keptProof is what was found in a segment, and what it was found for.
type keptProof struct {
	path    string
	info    fs.FileInfo
	anchors []checkpoint.Anchor // that speak of its lines
	proof   proof
}

// NewInspector inspects the record in dir. A nil fsys is the operating system's.
func NewInspector(fsys faultfile.FS, dir string) *Inspector {
	return &Inspector{dir: dir, fsys: orOS(fsys), kept: map[uint64]keptProof{}}
}

// Verify proves the record as VerifyIn does; whole: without anything that is known from before. It reads one segment after
// another; pace is called after each one, with the time that it took by now, and may wait; nil: it goes on at once. read is how
// many segments it read. The error is the disk's, or that of the context.
func (i *Inspector) Verify(ctx context.Context, anchors []checkpoint.Anchor, whole bool, now func() time.Time,
	pace func(ctx context.Context, took time.Duration) error) (r Report, read int, err error) {
	if whole {
		clear(i.kept)
	}
	segments, err := Segments(i.fsys, i.dir)
	if err != nil {
		return Report{}, 0, fmt.Errorf("verify the decision record: %w", err)
	}
	anchors = slices.DeleteFunc(slices.Clone(anchors), func(a checkpoint.Anchor) bool { return a.Record != checkpoint.Decisions })
	slices.SortStableFunc(anchors, func(a, b checkpoint.Anchor) int { return cmp.Compare(a.Seq, b.Seq) })
	proofs := make([]*proof, len(segments))
	there := map[uint64]bool{}
	for at, s := range segments {
		there[s.Number] = true
		if proofs[at] = i.known(s, anchors); proofs[at] != nil {
			continue
		}
		begun := now()
		if proofs[at], err = i.prove(s, anchors, at < len(segments)-1); err != nil {
			return Report{}, read, fmt.Errorf("verify the decision record: %w", err)
		}
		read++
		if err := i.rest(ctx, pace, now().Sub(begun)); err != nil {
			return Report{}, read, fmt.Errorf("verify the decision record: %w", err)
		}
	}
	for number := range i.kept {
		if !there[number] {
			delete(i.kept, number)
		}
	}
	return join(proofs, anchors), read, nil
}

func (i *Inspector) rest(ctx context.Context, pace func(context.Context, time.Duration) error, took time.Duration) error {
	if pace != nil {
		if err := pace(ctx, took); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// path is the file of a segment that counts.
func (i *Inspector) path(s Segment) string {
	name := Name(s.Number)
	if !s.Plain {
		name += strings.TrimPrefix(gzipSuffix, plainSuffix)
	}
	return filepath.Join(i.dir, name)
}

// known is a copy of what was found in a segment, where nothing of it has changed; nil: it has to be read.
func (i *Inspector) known(s Segment, anchors []checkpoint.Anchor) *proof {
	k, ok := i.kept[s.Number]
	if !ok || k.path != i.path(s) {
		return nil
	}
	info, err := i.fsys.Lstat(k.path)
	if err != nil || !unchanged(k.info, info) || !slices.Equal(k.anchors, of(anchors, &k.proof)) {
		return nil
	}
	return k.proof.copy()
}

func unchanged(before, now fs.FileInfo) bool {
	return before.Size() == now.Size() && before.ModTime().Equal(now.ModTime()) && before.Mode() == now.Mode() && os.SameFile(before, now)
}

// of are the anchors that speak of the lines of a segment.
func of(anchors []checkpoint.Anchor, p *proof) (list []checkpoint.Anchor) {
	for _, a := range anchors {
		if a.Seq >= p.header.Seq && a.Seq <= p.last {
			list = append(list, a)
		}
	}
	return list
}

// copy is p for a joint, which may add faults.
func (p *proof) copy() *proof {
	c := *p
	c.faults, c.gaps = slices.Clone(p.faults), slices.Clone(p.gaps)
	return &c
}

// prove reads a segment, and keeps what it found of one that is closed and was not changed meanwhile.
func (i *Inspector) prove(s Segment, anchors []checkpoint.Anchor, closed bool) (*proof, error) {
	path := i.path(s)
	before, err := i.fsys.Lstat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	p := &proof{number: s.Number, link: newLinker(), anchors: anchors}
	if err := p.read(i.fsys, i.dir); err != nil {
		return nil, err
	}
	p.link, p.anchors = nil, nil
	after, lost := i.fsys.Lstat(path)
	if delete(i.kept, s.Number); closed && err == nil && lost == nil && unchanged(before, after) {
		i.kept[s.Number] = keptProof{path: path, info: after, anchors: of(anchors, p), proof: *p.copy()}
	}
	return p, nil
}
