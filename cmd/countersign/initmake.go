package main

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/config"
	"countersign.dev/internal/engines"
	"countersign.dev/internal/secret"
)

//go:embed initconfig.tmpl
var initConfig string

// initWork is one run of init.
type initWork struct {
	o    *initOptions
	dir  string
	file string // the configuration
	text []byte
	cfg  *config.Config
	cert string // self-signed; empty: the operator's own
	key  string
	link string // of the first admin; empty: there is no operators' plane
}

// initFacts are what the configuration's text is made of.
type initFacts struct {
	File, Ops, Admin, Checkpoints, Certificate, Key, Upstream, Register string
	Signed, Token                                                       bool
	Environments                                                        []initEnvironment
}

type initEnvironment struct{ Name, Listen, Hosts string }

// plan writes the configuration in memory, lets it be judged, and sees that nothing is in the way.
func (w *initWork) plan() error {
	facts, err := w.facts()
	if err != nil {
		return err
	}
	form, err := template.New("").Funcs(template.FuncMap{"quote": strconv.Quote}).Parse(initConfig)
	var text bytes.Buffer
	if err == nil {
		err = form.Execute(&text, facts)
	}
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	w.text = text.Bytes()
	if w.cfg, err = config.Parse(w.file, w.text, os.LookupEnv); err != nil {
		return hinted{fmt.Errorf("these flags make no good configuration:\n%w", err), "nothing was made"}
	}
	for _, path := range []string{w.file, w.cfg.Keys.File, w.cfg.Records.Checkpoints.KeyFile, w.cfg.Records.Checkpoints.KeyFile + ".pub",
		w.cfg.RegisterFile(), w.cfg.DigestKeyFile(), w.cert, w.key} {
		if path == "" {
			continue
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return hinted{errors.Join(fmt.Errorf("%s is there already", path), err), "nothing was made or changed; name another folder with --dir"}
		}
	}
	return nil
}

// unmade refuses a database that holds a register already. An empty one, also with its tables, is what init wants.
func (w *initWork) unmade(ctx context.Context) error {
	at := engines.PlaceOf(w.cfg)
	if !at.Shared() {
		return nil
	}
	there, err := at.There(ctx)
	if !there || err != nil {
		return err
	}
	db, err := engines.OpenStore(ctx, engines.StoreConfig{Place: at})
	if err != nil {
		return err
	}
	revision, err := db.Revision(ctx)
	if err = errors.Join(err, db.Close()); err == nil && revision > 0 {
		err = hinted{fmt.Errorf("%s holds a register already, at revision %d", at, revision),
			"nothing was made; for a further machine copy the configuration and the key files of the first one, and change its addresses; what an init has left that did not come to its end is removed with DROP DATABASE"}
	}
	return err
}

func (w *initWork) facts() (initFacts, error) {
	f := initFacts{File: "countersign.yaml", Ops: w.o.ops, Upstream: w.o.upstream, Admin: strings.TrimSuffix(w.o.admin, noAdmin), Signed: w.o.protocol != "token", Token: w.o.protocol != "signed"}
	hosts := make([]string, len(w.o.hosts))
	for i, h := range w.o.hosts {
		if hosts[i] = h; !config.IsName(h) {
			hosts[i] = strconv.Quote(h)
		}
	}
	for i, name := range w.o.environments {
		listen, err := w.o.listenAt(i)
		if err != nil {
			return f, err
		}
		f.Environments = append(f.Environments, initEnvironment{name, listen, strings.Join(hosts, ", ")})
	}
	var err error
	if w.o.register != "" {
		if f.Register, err = filepath.Abs(w.o.register); err != nil {
			return f, fmt.Errorf("find the file with the database's URL: %w", err)
		}
	}
	if f.Checkpoints, err = filepath.Abs(w.o.checkpoints); err != nil {
		return f, fmt.Errorf("find the folder of checkpoints: %w", err)
	}
	if w.o.selfSigned {
		w.cert, w.key = filepath.Join(w.dir, "tls", "self-signed.pem"), filepath.Join(w.dir, "tls", "self-signed-key.pem")
		f.Certificate, f.Key = "tls/self-signed.pem", "tls/self-signed-key.pem"
		return f, nil
	}
	if f.Certificate, err = filepath.Abs(w.o.tlsCert); err != nil {
		return f, fmt.Errorf("find the certificate: %w", err)
	}
	f.Key, err = filepath.Abs(w.o.tlsKey)
	return f, err
}

// make makes everything, the configuration last.
func (w *initWork) make(ctx context.Context) error {
	folders := []string{w.dir, w.cfg.Data, filepath.Dir(w.cfg.Keys.File), w.cfg.Records.Checkpoints.Dir}
	if w.cert != "" {
		folders = append(folders, filepath.Dir(w.cert))
	}
	for _, dir := range folders {
		if err := openFolder(dir); err != nil {
			return err
		}
	}
	if err := w.makeKeys(ctx); err != nil {
		return err
	}
	if w.cert != "" {
		if err := makeSelfSigned(w.cert, w.key, w.o.hosts); err != nil {
			return fmt.Errorf("make the certificate: %w", err)
		}
	}
	db, err := engines.OpenStore(ctx, engines.StoreConfig{Place: engines.PlaceOf(w.cfg), Create: true})
	if err != nil {
		return fmt.Errorf("make the register: %w", err)
	}
	if err := db.Close(); err != nil {
		return fmt.Errorf("make the register: %w", err)
	}
	if err := w.firstAdmin(ctx); err != nil {
		return err
	}
	if err := createFile(filepath.Join(w.dir, "config.schema.json"), config.Schema(), 0o644); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write the schema: %w", err)
	}
	if err := createFile(w.file, w.text, 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

func (w *initWork) makeKeys(ctx context.Context) error {
	master := secret.KeyFile{Path: w.cfg.Keys.File, Create: true, Rand: rand.Reader}
	if _, err := master.Keys(ctx); err != nil {
		return err
	}
	if _, err := keptKey(w.cfg.DigestKeyFile()); err != nil {
		return err
	}
	if _, err := checkpoint.NewKey(nil, w.cfg.Records.Checkpoints.KeyFile, rand.Reader); err != nil {
		return fmt.Errorf("make the checkpoint key: %w", err)
	}
	return nil
}
