package config

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/country"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/tlsfile"
)

// Scope says what Check looks at.
type Scope struct {
	// Environments whose files are looked at; nil: all. Files and variables of others are not touched.
	Environments []string
	// Now is the time at which certificates must count. Required.
	Now time.Time
}

// Check looks at everything that the configuration names: files that must be readable, their modes (security rule 39),
// certificates and keys, the profile and country files, the variables, folders that must be writable. It binds no port and
// changes nothing, but that it makes and removes an empty file in each folder that is to be written. It has to run as the
// server's user to mean something. Problems keep the server from starting; warnings, with those of Parse among them, do not.
func (c *Config) Check(s Scope) (problems, warnings Problems) {
	d := &decoder{file: c.File, places: c.places, warnings: c.Warnings()}
	k := checker{d, c, s}
	k.folder("data", c.Data, 0o022)
	k.rings()
	if c.Countries.File != "" {
		if _, err := country.Open(c.Countries.File); err != nil {
			k.wrong("countries.file", err, "put the file there, or remove countries")
		}
	}
	k.records()
	k.engines()
	k.tracing()
	k.admin()
	k.portal()
	for i := range c.Environments {
		if e := &c.Environments[i]; k.covers(e.Name) {
			k.environment(e, join("environments", e.Name))
		}
	}
	return d.problems.Sorted(), d.warnings.Sorted()
}

// checker is one run of Check.
type checker struct {
	*decoder
	c     *Config
	scope Scope
}

func (k checker) covers(environment string) bool {
	return k.scope.Environments == nil || slices.Contains(k.scope.Environments, environment)
}

func (k checker) wrong(path string, err error, hint string) {
	k.at(k.c, path, strings.ReplaceAll(err.Error(), "\n", "; "), hint)
}

// rings opens every key ring that the scope needs.
func (k checker) rings() {
	opened := map[Keys]bool{}
	for i := range k.c.Environments {
		e := &k.c.Environments[i]
		keys, path := k.c.KeysOf(e.Name), join("environments", e.Name)
		switch {
		case !k.covers(e.Name) || opened[keys]:
			continue
		case e.KeyFile != "":
			path = join(path, "key_file")
		case e.KeyEnv != "":
			path = join(path, "key_env")
		case keys.Env != "":
			path = "keys.env"
		default:
			path = "keys.file"
		}
		opened[keys] = true
		if _, err := secret.OpenRing(context.Background(), k.c.KeySource(keys), rand.Reader); err != nil {
			k.wrong(path, err, k.keyHint(keys, err))
		}
	}
}

func (k checker) keyHint(keys Keys, err error) string {
	switch {
	case keys.Env != "":
		return "set it to the text of a key file, for example by EnvironmentFile= of the service"
	case errors.Is(err, fs.ErrNotExist):
		return "`countersign init` makes one for a new installation; an existing register needs the key that it was sealed with"
	case errors.Is(err, fs.ErrPermission):
		return "run this as the server's user"
	}
	return ""
}

func (k checker) records() {
	r := &k.c.Records
	k.recordFolder("records.decisions.dir", r.Decisions.Dir)
	if p := r.Checkpoints; p != nil {
		k.recordFolder("records.checkpoints.dir", p.Dir)
		k.private("records.checkpoints.key_file", p.KeyFile, 0o077, "`countersign init` makes one; or `countersign key checkpoint-new`")
		if p.URLTokenFile != "" {
			k.private("records.checkpoints.url_token_file", p.URLTokenFile, 0o077, "write the receiver's token into it, on one line")
		}
		k.authorities("records.checkpoints.url_ca_file", p.URLCAFile)
		if p.URL == "" && device(p.Dir) != 0 && device(p.Dir) == device(k.c.Data) {
			k.warn(k.c, "records.checkpoints.dir", "on the same disk as the data folder: what takes one takes both", "use another disk or machine")
		}
	}
	if y := r.Stream.Syslog; y != nil {
		k.authorities("records.stream.syslog.ca_file", y.CAFile)
		k.client("records.stream.syslog", y.CertFile, y.KeyFile)
	}
	k.ship()
	if f := r.Stream.File; f != "" {
		k.folder("records.stream.file", filepath.Dir(f), 0o002)
	}
}

func (k checker) environment(e *Environment, path string) {
	for i := range e.Listeners {
		l := &e.Listeners[i]
		k.listener(e, l, fmt.Sprintf("%s.listeners[%d]", path, i))
	}
	for i := range e.Doors {
		k.door(&e.Doors[i], fmt.Sprintf("%s.doors[%d]", path, i))
	}
	for i := range e.APIs {
		a, at := &e.APIs[i], join(path, "apis."+e.APIs[i].Name)
		if a.Profile != nil {
			k.profileFile(a, a.Profile, at+".profile", at+".replay")
		}
		if a.Shadow != nil {
			k.profileFile(a, a.Shadow, at+".shadow", "")
		}
		k.authorities(at+".upstream.ca_file", a.Upstream.CAFile)
		k.client(at+".upstream", a.Upstream.CertFile, a.Upstream.KeyFile)
	}
}

func (k checker) listener(e *Environment, l *Listener, path string) {
	if l.ClientCertificates != nil {
		k.authorities(path+".client_certificates.ca_file", l.ClientCertificates.CAFile)
	}
	if a := l.TLS.ACME; a != nil {
		k.folder(path+".tls.acme.storage", a.Storage, 0o022)
		k.authorities(path+".tls.acme.ca_file", a.CAFile)
		return
	}
	named := map[string]bool{}
	for i, pair := range l.TLS.Pairs() {
		at := path + ".tls.certificate"
		if i > 0 {
			at = fmt.Sprintf("%s.tls.additional[%d].certificate", path, i-1)
		}
		k.pair(at, pair, e.Hosts, named)
	}
	for i, h := range e.Hosts {
		if len(named) > 0 && !named[h] {
			k.warn(k.c, fmt.Sprintf("environments.%s.hosts[%d]", e.Name, i), "no certificate of "+path+" is for "+quote(h), "callers will refuse it; use one that names it")
		}
	}
}

// pair reads a certificate and its key as the server does.
func (k checker) pair(path string, p Pair, hosts []string, named map[string]bool) {
	files, err := tlsfile.Open(tlsfile.Config{Pairs: []tlsfile.Pair{{Certificate: p.Certificate, Key: p.Key}},
		Now: func() time.Time { return k.scope.Now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		k.wrong(path, err, "")
		return
	}
	for _, s := range files.Status() {
		switch left := s.NotAfter.Sub(k.scope.Now); {
		case errors.Is(s.Problem, tlsfile.ErrExpired), errors.Is(s.Problem, tlsfile.ErrNotYet):
			k.wrong(path, s.Problem, "get a new certificate; the server would serve it, and callers refuse it")
		case s.Problem != nil:
			k.wrong(path, s.Problem, "")
		case left < 14*day:
			k.warn(k.c, path, fmt.Sprintf("%s expires in %d days, at %s", p.Certificate, int(left/day), s.NotAfter.UTC().Format(time.RFC3339)), "get a new one in time; it is taken up without a restart")
		}
	}
	if certificate, err := files.Certificate(nil); err == nil && certificate.Leaf != nil {
		for _, h := range hosts {
			named[h] = named[h] || certificate.Leaf.VerifyHostname(h) == nil
		}
	}
}

// recordFolder is folder for a record, which does not follow a symbolic link.
func (k checker) recordFolder(path, dir string) {
	if info, err := os.Lstat(dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		k.at(k.c, path, dir+" is a symbolic link, which a record does not follow", "write the path that it leads to")
		return
	}
	k.folder(path, dir, 0o022)
}

// folder looks at one that is to be written.
func (k checker) folder(path, dir string, loose fs.FileMode) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && dir != k.c.Data && inside(dir, k.c.Data): // it is made with the data folder
	case errors.Is(err, fs.ErrNotExist):
		if parent, bad := os.Stat(filepath.Dir(dir)); bad != nil || !parent.IsDir() {
			k.at(k.c, path, dir+" does not exist, and neither does the folder around it", "mkdir -p "+filepath.Dir(dir))
		} else if err := writable(filepath.Dir(dir)); err != nil {
			k.at(k.c, path, dir+" does not exist and cannot be made: "+cause(err), "mkdir -m 700 "+dir+", owned by the server's user")
		}
	case err != nil:
		k.at(k.c, path, "cannot be looked at: "+cause(err), "run this as the server's user")
	case !info.IsDir():
		k.at(k.c, path, dir+" is not a folder", "")
	case info.Mode().Perm()&loose != 0:
		k.at(k.c, path, fmt.Sprintf("others may write into %s (mode %04o)", dir, info.Mode().Perm()), "chmod 700 "+dir)
	default:
		if err := writable(dir); err != nil {
			k.at(k.c, path, dir+" cannot be written: "+cause(err), "run this as the server's user; chown the folder to it")
		}
	}
}

// writable makes and removes an empty file.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".config-check-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// cause is an error without the name of a file that nobody knows.
func cause(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}

// private looks at a file with a secret: it is never read here.
func (k checker) private(path, file string, loose fs.FileMode, missing string) bool {
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.at(k.c, path, file+" does not exist", missing)
	case err != nil:
		k.at(k.c, path, "cannot be looked at: "+cause(err), "run this as the server's user")
	case !info.Mode().IsRegular() && loose&0o040 != 0:
		k.at(k.c, path, file+" is not a plain file", "symbolic links are not followed to secrets")
	case info.Mode().Perm()&loose != 0 && info.Mode().IsRegular():
		k.at(k.c, path, fmt.Sprintf("%s holds a secret but has mode %04o", file, info.Mode().Perm()), "chmod 600 "+file+", and replace the secret if others use this machine")
	default:
		f, err := os.Open(file)
		if err != nil {
			k.at(k.c, path, file+" cannot be read: "+cause(err), "run this as the server's user")
			return false
		}
		return f.Close() == nil
	}
	return false
}
