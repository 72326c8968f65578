package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"countersign.dev/internal/country"
	"countersign.dev/internal/tlsfile"
)

// keepers watch the files that generations use, over the generations: what was good before stays in force while a file is
// bad, also where the configuration is loaded anew meanwhile. put is their only writer.
type keepers struct {
	a *assembly

	mu     sync.Mutex // guards the rest
	tls    map[string]*tlsKeeper
	tables map[string]*countryKeeper // by path
}

type tlsKeeper struct {
	files *tlsfile.Files
	end   context.CancelFunc
}

type countryKeeper struct {
	file *country.File
	end  context.CancelFunc
}

// tlsFiles are the watched files of a listener, those of a former generation where they are the same.
func (k *keepers) tlsFiles(pairs []tlsfile.Pair, clientCA string) (*tlsfile.Files, error) {
	key := keeperKey(pairs, clientCA)
	k.mu.Lock()
	defer k.mu.Unlock()
	if known := k.tls[key]; known != nil {
		return known.files, nil
	}
	files, err := tlsfile.Open(tlsfile.Config{Pairs: pairs, ClientCA: clientCA, Now: k.a.now, Log: k.a.log})
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(k.a.life)
	k.a.running.Go(func() { files.Run(ctx) })
	if k.tls == nil {
		k.tls = map[string]*tlsKeeper{}
	}
	k.tls[key] = &tlsKeeper{files: files, end: end}
	return files, nil
}

func keeperKey(pairs []tlsfile.Pair, clientCA string) string {
	var b strings.Builder
	for _, p := range pairs {
		fmt.Fprintf(&b, "%q %q\n", p.Certificate, p.Key)
	}
	fmt.Fprintf(&b, "%q", clientCA)
	return b.String()
}

// countries is the watched country file; nil where there is none.
func (k *keepers) countries(path string) (*country.File, error) {
	if path == "" {
		return nil, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if known := k.tables[path]; known != nil {
		return known.file, nil
	}
	file, err := country.Watch(country.WatchConfig{Path: path, Log: k.a.log})
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(k.a.life)
	k.a.running.Go(func() { file.Run(ctx) })
	if k.tables == nil {
		k.tables = map[string]*countryKeeper{}
	}
	k.tables[path] = &countryKeeper{file: file, end: end}
	return file, nil
}

// keepOnly ends the watching of what g does not use; nil: of everything.
func (k *keepers) keepOnly(g *generation) {
	if g == nil {
		g = &generation{blueprint: &blueprint{}}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	used := map[string]bool{}
	for _, d := range g.doors {
		used[keeperKey(d.print.tls.files, d.print.tls.clientCA)] = true
	}
	for _, p := range g.passages {
		used[keeperKey(p.print.tlsFiles(), p.print.setting.ClientCAFile)] = true
	}
	if p := g.blueprint.plane; p != nil && p.tls != nil {
		used[keeperKey(p.tls.files, "")] = true
	}
	if p := g.blueprint.portal; p != nil && p.tls != nil {
		used[keeperKey(p.tls.files, "")] = true
	}
	for key, one := range k.tls {
		if !used[key] {
			one.end()
			delete(k.tls, key)
		}
	}
	for path, one := range k.tables {
		if path != g.blueprint.countries {
			one.end()
			delete(k.tables, path)
		}
	}
}

// certificates is what is in force of every watched file, by name.
func (k *keepers) certificates() []tlsfile.Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []tlsfile.Status
	for _, one := range k.tls {
		all = append(all, one.files.Status()...)
	}
	slices.SortFunc(all, func(a, b tlsfile.Status) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// countryProblem says why the country file's present content is not in force.
func (k *keepers) countryProblem() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, one := range k.tables {
		if err := one.file.Problem(); err != nil {
			return err
		}
	}
	return nil
}
