package bucket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"countersign.dev/internal/audit/shipping"
	"github.com/minio/minio-go/v7"
)

// each gives the names of objects below a folder, and of folders where recursive is false, in order, behind a name, until take returns
// false.
func (d *Depot) each(ctx context.Context, below, after string, recursive bool, take func(name string, o *minio.ObjectInfo) bool) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	if after != "" {
		after = below + after
	}
	for o := range d.client.ListObjects(ctx, d.cfg.Bucket, minio.ListObjectsOptions{Prefix: below, Recursive: recursive, StartAfter: after, MaxKeys: 1000}) {
		if o.Err != nil {
			return fmt.Errorf("list %s: %w", below, o.Err)
		}
		name, ours := strings.CutPrefix(o.Key, below)
		if ours && !take(name, &o) {
			break
		}
	}
	return ctx.Err()
}

// Streams implements shipping.Depot.
func (d *Depot) Streams(ctx context.Context) (all []shipping.Stream, err error) {
	err = d.each(ctx, d.marks(), "", true, func(name string, _ *minio.ObjectInfo) bool {
		if cut := strings.LastIndexByte(name, '/'); cut > 0 {
			if s, err := shipping.ParseFolder(name[:cut], shipping.Part(name[cut+1:])); err == nil {
				all = append(all, s)
			}
		}
		return len(all) < shipping.MaxStreams
	})
	return all, err
}

// List implements shipping.Depot. Names are asked for from just before the place on, since a listing begins behind a name.
func (d *Depot) List(ctx context.Context, s shipping.Stream, from shipping.Place, limit int) (places []shipping.Place, err error) {
	limit = min(max(limit, 1), 1000)
	after := ""
	if from != (shipping.Place{}) {
		before := []byte(place(from))
		before[len(before)-1]-- // the byte before '0' is '/', so that this is a name before the place's own, and behind the one before it
		after = string(before) + "~"
	}
	err = d.each(ctx, d.pieces(s), after, true, func(name string, _ *minio.ObjectInfo) bool {
		if at, ok := parsePlace(name); ok && !at.Less(from) {
			places = append(places, at)
		}
		return len(places) < limit
	})
	return places, err
}

// Last implements shipping.Depot: the last segment that is there, then its last piece. It reads the names of both, which takes a while
// with a segment of many pieces: a shipper asks at its start and after a failure.
func (d *Depot) Last(ctx context.Context, s shipping.Stream) (h shipping.Head, ok bool, err error) {
	folder := ""
	if err := d.each(ctx, d.pieces(s), "", false, func(name string, _ *minio.ObjectInfo) bool {
		if strings.HasSuffix(name, "/") {
			folder = max(folder, name)
		}
		return true
	}); err != nil || folder == "" {
		return h, false, err
	}
	var last shipping.Place
	err = d.each(ctx, d.pieces(s)+folder, "", true, func(name string, _ *minio.ObjectInfo) bool {
		if at, fits := parsePlace(folder + name); fits && (!ok || last.Less(at)) {
			last, ok = at, true
		}
		return true
	})
	if err != nil || !ok {
		return h, false, err
	}
	p, err := d.Get(ctx, s, last)
	if errors.Is(err, fs.ErrNotExist) { // it was dropped meanwhile
		return h, false, nil
	}
	if err != nil {
		return h, false, err
	}
	return p.Head, true, nil
}

// Drop implements shipping.Depot, by the times that the store gave the objects. Where the store removes them by itself (a life cycle
// rule, a retention lock), leave it to the store. The marks of streams stay.
func (d *Depot) Drop(ctx context.Context, before time.Time) (n int, err error) {
	var old []string
	below := d.name("pieces/")
	if err := d.each(ctx, below, "", true, func(name string, o *minio.ObjectInfo) bool {
		if o.LastModified.Before(before) {
			old = append(old, below+name)
		}
		return len(old) < maxDrop
	}); err != nil {
		return 0, err
	}
	for _, name := range old {
		if err := d.client.RemoveObject(ctx, d.cfg.Bucket, name, minio.RemoveObjectOptions{}); err != nil {
			return n, fmt.Errorf("remove %s: %w", name, err)
		}
		n++
	}
	return n, nil
}

// maxDrop bounds how many objects one Drop removes; the next one goes on.
const maxDrop = 10_000
