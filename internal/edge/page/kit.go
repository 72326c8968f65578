package page

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"strings"
	"time"
)

//go:embed files
var own embed.FS

// Config is what a surface hands in. Surface, Files, Now and Log are required.
type Config struct {
	Surface string            // what stands beside the name: "Operators' console"
	Files   fs.FS             // pages: each *.html is a page named after its file; {{define}} adds pieces
	Assets  fs.FS             // further scripts and pictures of the surface; nil means none
	Base    string            // path below which the surface lives, without a slash at its end: "/console"; "" is the root
	SignOut string            // where the form of the sign-out posts to; "" leaves it out
	Account string            // page of one's own account; "" shows the name without a link
	Done    map[string]string // texts that ?done=KEY may show after a POST; no text comes from an address
	Funcs   template.FuncMap  // further functions; a name of the kit's is an error
	Now     func() time.Time
	Log     func(what string, err error) // what could not be shown; gets no secret
}

// Kit shows the pages of one surface. It is safe for concurrent use and holds nothing to close.
type Kit struct {
	cfg    Config
	set    *template.Template
	pages  map[string]bool
	assets map[string]asset // by the hashed name
	names  map[string]string
}

// New reads all templates and assets. A template that does not parse, or a page with a name of the kit's, is an error.
func New(cfg Config) (*Kit, error) {
	if cfg.Surface == "" || cfg.Files == nil || cfg.Now == nil || cfg.Log == nil {
		return nil, errors.New("page: Surface, Files, Now and Log are required")
	}
	k := &Kit{cfg: cfg, pages: map[string]bool{"trouble": true}}
	files, err := fs.Sub(own, "files")
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	if err := k.gather(files, cfg.Assets); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	k.set = template.New("").Funcs(k.funcs())
	for name := range cfg.Funcs {
		if _, taken := k.funcs()[name]; taken {
			return nil, fmt.Errorf("page: the function %s is the kit's", name)
		}
	}
	k.set.Funcs(cfg.Funcs)
	if err := k.parse(files, false); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	if err := k.parse(cfg.Files, true); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return k, nil
}

// parse reads the *.html of one file system; those of a surface are pages.
func (k *Kit) parse(files fs.FS, surface bool) error {
	paths, err := fs.Glob(files, "*.html")
	if err != nil {
		return err
	}
	for _, path := range paths {
		b, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(path, ".html")
		if surface && k.set.Lookup(name) != nil {
			return fmt.Errorf("%s: the name %q is taken", path, name)
		}
		if _, err := k.set.New(name).Parse(string(b)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if surface {
			k.pages[name] = true
		}
	}
	return nil
}
