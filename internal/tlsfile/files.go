package tlsfile

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Every is how often Run looks at the files.
const Every = time.Second

var (
	// ErrExpired says that a certificate's time is over.
	ErrExpired = errors.New("expired")
	// ErrNotYet says that a certificate's time has not come.
	ErrNotYet = errors.New("not valid")
	// ErrNoCertificate is returned by Certificate where there is none.
	ErrNoCertificate = errors.New("no certificate")
)

// Pair names the two files of one certificate: the chain, leaf first, and its key; both PEM.
type Pair struct{ Certificate, Key string }

// Config says what to read. Now and Log must be set, and Pairs or ClientCA.
type Config struct {
	Pairs    []Pair // the first is for callers that name no server, or an unknown one
	ClientCA string // PEM file with the authorities of client certificates; empty: none
	Now      func() time.Time
	Log      *slog.Logger // hears of each change and of each new problem
}

// Status is what is to be told of one pair, or of the client authorities.
type Status struct {
	Name     string    // path of the certificate
	NotAfter time.Time // of what is in force
	Clients  bool      // these are the client authorities; NotAfter is the first end of any of them
	Problem  error     // why the file's present content is not in force; nil: it is
}

// Files is what is in force of the files. Safe for concurrent use; nothing to close. Create it with Open.
type Files struct {
	cfg Config

	mu     sync.Mutex // one Poll at a time
	served []entry    // one for each pair, then one for the client authorities
	force  atomic.Pointer[force]
}

// entry is what one Poll remembers for the next.
type entry struct {
	name    string
	content [sha256.Size]byte // of what is in force
	cert    *tls.Certificate
	pool    *x509.CertPool
	until   time.Time
	problem error
}

// force is an immutable picture of the entries.
type force struct {
	certificates []*tls.Certificate
	pool         *x509.CertPool
	status       []Status
}

// Open reads everything once. A file that cannot be read or does not fit is an error; a certificate whose time is over, or
// has not come, is served nevertheless and told loudly, because without it there would be no server at all.
func Open(cfg Config) (*Files, error) {
	if len(cfg.Pairs) == 0 && cfg.ClientCA == "" || cfg.Now == nil || cfg.Log == nil {
		return nil, errors.New("tlsfile: a pair or client authorities, a clock and a log are needed")
	}
	f := &Files{cfg: cfg}
	for _, p := range cfg.Pairs {
		e := entry{name: p.Certificate}
		if f.readPair(p, &e); e.cert == nil {
			return nil, fmt.Errorf("open TLS files: %w", e.problem)
		}
		f.served = append(f.served, e)
	}
	if cfg.ClientCA != "" {
		e := entry{name: cfg.ClientCA}
		if f.readAuthorities(&e); e.pool == nil {
			return nil, fmt.Errorf("open client authorities: %w", e.problem)
		}
		f.served = append(f.served, e)
	}
	f.publish()
	return f, nil
}

// Run looks at the files every second until ctx ends.
func (f *Files) Run(ctx context.Context) {
	ticker := time.NewTicker(Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f.Poll()
		}
	}
}

// Poll looks at the files now and reports whether something new is in force.
func (f *Files) Poll() (changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.served {
		e := &f.served[i]
		before := e.content
		if i < len(f.cfg.Pairs) {
			f.readPair(f.cfg.Pairs[i], e)
		} else {
			f.readAuthorities(e)
		}
		if e.content != before {
			changed = true
			f.cfg.Log.Info("new TLS files are in force", "file", e.name, "not_after", e.until.UTC())
		}
	}
	f.publish()
	return changed
}

// readPair brings e up to its files, if these are good.
func (f *Files) readPair(p Pair, e *entry) {
	cert, err := readFile(p.Certificate, false)
	if err != nil {
		f.note(e, err)
		return
	}
	key, err := readFile(p.Key, true)
	if err != nil {
		f.note(e, err)
		return
	}
	defer clear(key)
	content := digest(cert, key)
	if content == e.content && e.cert != nil {
		f.note(e, f.inTime(e))
		return
	}
	pair, err := parsePair(p, cert, key, f.cfg.Now())
	if pair != nil && (err == nil || e.cert == nil) {
		e.content, e.cert, e.until = content, pair, pair.Leaf.NotAfter
	}
	f.note(e, err)
}

// inTime says whether what is in force still is in its time.
func (f *Files) inTime(e *entry) error {
	now := f.cfg.Now()
	switch {
	case now.After(e.until):
		return fmt.Errorf("%s: %w since %s", e.name, ErrExpired, e.until.UTC().Format(time.RFC3339))
	case e.cert != nil && now.Before(e.cert.Leaf.NotBefore):
		return fmt.Errorf("%s: %w until %s", e.name, ErrNotYet, e.cert.Leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

func (f *Files) readAuthorities(e *entry) {
	text, err := readFile(e.name, false)
	if err != nil {
		f.note(e, err)
		return
	}
	content := digest(text, nil)
	if content == e.content && e.pool != nil {
		f.note(e, f.inTime(e))
		return
	}
	pool, until, err := parseAuthorities(e.name, text)
	if err == nil {
		e.content, e.pool, e.until = content, pool, until
		err = f.inTime(e)
	}
	f.note(e, err)
}

// note keeps a problem and logs each new one once.
func (f *Files) note(e *entry, err error) {
	switch {
	case err != nil && (e.problem == nil || e.problem.Error() != err.Error()):
		f.cfg.Log.Error("TLS files are not as they should be; what was in force before, if anything, goes on", "file", e.name, "cause", err.Error())
	case err == nil && e.problem != nil:
		f.cfg.Log.Info("TLS files are good again", "file", e.name)
	}
	e.problem = err
}

func (f *Files) publish() {
	next := &force{}
	for i := range f.served {
		e := &f.served[i]
		if e.cert != nil {
			next.certificates = append(next.certificates, e.cert)
		} else {
			next.pool = e.pool
		}
		next.status = append(next.status, Status{Name: e.name, NotAfter: e.until, Clients: e.cert == nil, Problem: e.problem})
	}
	f.force.Store(next)
}

// Certificate is for tls.Config.GetCertificate: the first certificate that suits what the caller asks for, or the first of
// all where none does.
func (f *Files) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	all := f.force.Load().certificates
	if len(all) == 0 {
		return nil, ErrNoCertificate
	}
	if len(all) > 1 {
		for _, c := range all {
			if hello.SupportsCertificate(c) == nil {
				return c, nil
			}
		}
	}
	return all[0], nil
}

// ClientCAs are the authorities in force; nil: none were configured. The pool is never changed, only replaced.
func (f *Files) ClientCAs() *x509.CertPool { return f.force.Load().pool }

// Status tells of each pair in the order of Config.Pairs, then of the client authorities. The caller must not change it.
func (f *Files) Status() []Status { return f.force.Load().status }

// digest keeps two texts apart by their lengths.
func digest(a, b []byte) [sha256.Size]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%d:", len(a))
	h.Write(a)
	h.Write(b)
	return [sha256.Size]byte(h.Sum(nil))
}
