// Package bucket keeps the pieces of many nodes' records as objects of an S3-compatible bucket, each under a name that says its place.
// Objects are never written over: each is put on the condition that there is none of its name (If-None-Match), and a store that does not
// hold to that is refused when it is opened.
//
// It refuses credentials that others may read, and a way to another machine without TLS unless it is told that this is wanted. It believes
// nothing that it reads. The attack it answers is the node that would write its history anew; whoever may write into the bucket itself
// is answered where pieces arrive, and by the store's own means (versions, retention locks).
package bucket

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"countersign.dev/internal/audit/shipping"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Config says where the bucket is.
type Config struct {
	Endpoint string // HOST[:PORT] of the store; required
	Bucket   string // its name; it must be there; required
	Prefix   string // before the names of all objects, without a slash at its ends; empty: none
	Region   string // empty: "us-east-1"
	Access   string // access key; required
	Secret   string // its secret; required
	Plain    bool   // without TLS
	Roots    *x509.CertPool
}

// Depot is an open bucket. Safe for concurrent use. Nothing but idle connections is held.
type Depot struct {
	client *minio.Client
	kept   *http.Transport
	cfg    Config

	mu     sync.Mutex
	marked map[shipping.Stream]bool // streams whose mark is there
}

var _ shipping.Depot = (*Depot)(nil)

var prefixText = regexp.MustCompile(`^[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*$`)

// Open asks whether the bucket is there and holds to conditions: it tries to put one object twice. Errors: the store's, that of ctx,
// shipping.ErrForeign where an object can be written over.
func Open(ctx context.Context, cfg Config) (*Depot, error) {
	if cfg.Endpoint == "" || cfg.Bucket == "" || cfg.Access == "" || cfg.Secret == "" {
		return nil, errors.New("open the bucket: endpoint, bucket, access key and secret are needed")
	}
	if cfg.Prefix != "" && !prefixText.MatchString(cfg.Prefix) {
		return nil, fmt.Errorf("open the bucket: %.80q cannot be the beginning of a name", cfg.Prefix)
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	kept := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.Roots}, TLSHandshakeTimeout: 10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second, MaxIdleConnsPerHost: 4, MaxConnsPerHost: 8, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10}
	client, err := minio.New(cfg.Endpoint, &minio.Options{Creds: credentials.NewStaticV4(cfg.Access, cfg.Secret, ""), Secure: !cfg.Plain, Transport: kept,
		Region: cfg.Region, BucketLookup: minio.BucketLookupPath, MaxRetries: 1})
	if err != nil {
		return nil, fmt.Errorf("open the bucket: %w", err)
	}
	d := &Depot{client: client, kept: kept, cfg: cfg, marked: map[shipping.Stream]bool{}}
	if err := d.probe(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the bucket: %w", err), d.Close())
	}
	return d, nil
}

// probe puts one object twice.
func (d *Depot) probe(ctx context.Context) error {
	name := d.name("probe")
	for range 2 {
		err := d.put(ctx, name, []byte("An object that was put twice would show that objects of this bucket can be written over.\n"))
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: the store wrote over an object although it was told not to (If-None-Match): what nodes have shipped could be replaced", shipping.ErrForeign)
}

// name is that of an object of ours. The form has a number, so that a later one can stand beside it.
func (d *Depot) name(rest string) string {
	name := "v1/" + rest
	if d.cfg.Prefix != "" {
		name = d.cfg.Prefix + "/" + name
	}
	return name
}

func (d *Depot) marks() string { return d.name("streams/") }

func (d *Depot) pieces(s shipping.Stream) string {
	return d.name("pieces/" + s.Folder() + "/" + string(s.Part) + "/")
}

// place is the name of a piece behind the folder of its stream, so that names are in the order of places.
func place(at shipping.Place) string { return fmt.Sprintf("%019d/%019d", at.Segment, at.Offset) }

func parsePlace(text string) (at shipping.Place, ok bool) {
	number, offset, _ := strings.Cut(text, "/")
	n, err := strconv.ParseUint(number, 10, 63)
	at.Segment = n
	if err == nil {
		at.Offset, err = strconv.ParseInt(offset, 10, 64)
	}
	return at, err == nil && place(at) == text
}

// put writes an object that is not there. The error wraps fs.ErrExist where it is.
func (d *Depot) put(ctx context.Context, name string, text []byte) error {
	how := minio.PutObjectOptions{ContentType: "application/octet-stream", DisableMultipart: true, SendContentMd5: true}
	how.SetMatchETagExcept("*")
	_, err := d.client.PutObject(ctx, d.cfg.Bucket, name, bytes.NewReader(text), int64(len(text)), how)
	switch minio.ToErrorResponse(err).StatusCode {
	case http.StatusPreconditionFailed, http.StatusConflict:
		return fmt.Errorf("put %s: %w", name, fs.ErrExist)
	}
	if err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	return nil
}

// get reads a whole object, within bounds.
func (d *Depot) get(ctx context.Context, name string) ([]byte, error) {
	object, err := d.client.GetObject(ctx, d.cfg.Bucket, name, minio.GetObjectOptions{})
	if err == nil {
		defer object.Close()
		var text []byte
		text, err = io.ReadAll(io.LimitReader(object, shipping.MaxEncoded+1))
		if err == nil {
			return text, nil
		}
	}
	if minio.ToErrorResponse(err).StatusCode == http.StatusNotFound {
		err = fs.ErrNotExist
	}
	return nil, fmt.Errorf("get %s: %w", name, err)
}

// Put implements shipping.Depot. The mark of a stream is put before its first piece, so that no piece is overlooked.
func (d *Depot) Put(ctx context.Context, p *shipping.Piece) error {
	text, err := p.Encode()
	if err == nil {
		err = d.mark(ctx, p.Stream)
	}
	if err != nil {
		return err
	}
	name := d.pieces(p.Stream) + place(p.Place)
	err = d.put(ctx, name, text)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	there, err := d.get(ctx, name)
	if err != nil {
		return err
	}
	h, _, err := shipping.ParseHead(there)
	if err != nil || h.Stream != p.Stream || h.Place != p.Place || !h.Same(&p.Head) {
		return fmt.Errorf("%w: segment %d, byte %d of %s", shipping.ErrContradiction, p.Segment, p.Offset, p.Stream)
	}
	return nil
}

// mark makes the object by which a stream is found, once for each process.
func (d *Depot) mark(ctx context.Context, s shipping.Stream) error {
	d.mu.Lock()
	known := d.marked[s]
	d.mu.Unlock()
	if known {
		return nil
	}
	if err := d.put(ctx, d.marks()+s.Folder()+"/"+string(s.Part), []byte("1\n")); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.marked[s] = true
	return nil
}

// Get implements shipping.Depot.
func (d *Depot) Get(ctx context.Context, s shipping.Stream, at shipping.Place) (*shipping.Piece, error) {
	text, err := d.get(ctx, d.pieces(s)+place(at))
	if err != nil {
		return nil, err
	}
	return shipping.ParseAt(text, s, at)
}

// Close implements shipping.Depot.
func (d *Depot) Close() error {
	d.kept.CloseIdleConnections()
	return nil
}
