package page

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// asset is one file a browser loads.
type asset struct {
	body []byte
	kind string
}

// kinds are the files that a surface may have; nothing else is served.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png",
}

// gather reads the assets of the kit and of the surface and gives each a name that changes with its content.
func (k *Kit) gather(all ...fs.FS) error {
	k.assets, k.names = map[string]asset{}, map[string]string{}
	for _, files := range all {
		if files == nil {
			continue
		}
		entries, err := fs.ReadDir(files, ".")
		if err != nil {
			return err
		}
		for _, e := range entries {
			ext := path.Ext(e.Name())
			if e.IsDir() || kinds[ext] == "" {
				continue
			}
			b, err := fs.ReadFile(files, e.Name())
			if err != nil {
				return err
			}
			if k.names[e.Name()] != "" {
				return fmt.Errorf("asset %s: the name is taken", e.Name())
			}
			sum := sha256.Sum256(b)
			hashed := strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
			k.names[e.Name()], k.assets[hashed] = hashed, asset{b, kinds[ext]}
		}
	}
	return nil
}

// Asset is the address of a file by its plain name ("tail.js"); a name that nobody has is an error, which a template
// turns into a page that is not shown.
func (k *Kit) Asset(name string) (string, error) {
	if k.names[name] == "" {
		return "", fmt.Errorf("asset %q: no such file", name)
	}
	return k.cfg.Base + "/assets/" + k.names[name], nil
}

// Assets serves BASE/assets/NAME.HASH.EXT. A name holds its content's hash, so that browsers may keep it for a year; they
// are the same for everybody and need no session.
func (k *Kit) Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Protect(w.Header())
		a, found := k.assets[strings.TrimPrefix(r.URL.Path, k.cfg.Base+"/assets/")]
		switch {
		case !found:
			http.Error(w, "no such file", http.StatusNotFound)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "GET or HEAD only", http.StatusMethodNotAllowed)
		default:
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
			w.Header().Set("Content-Type", a.kind)
			_, _ = w.Write(a.body) // a browser that went away needs no answer
		}
	})
}

// Style is the kit's style sheet, for pages that are made elsewhere: those of the sign-in.
func Style() []byte {
	b, _ := own.ReadFile("files/style.css") // embedded: it cannot be missing
	return b
}

// Mark is the picture that stands for a page in the tabs of a browser, as SVG; for the same pages.
func Mark() []byte {
	b, _ := own.ReadFile("files/mark.svg") // embedded: it cannot be missing
	return b
}
