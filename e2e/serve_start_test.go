package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestServeRefusesToStart where something that it needs is missing or open to others, says which file, and leaves no word of itself
// behind.
func TestServeRefusesToStart(t *testing.T) {
	s := newSite(t)
	good := s.text()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		spoil, mend func() error
		text        string
		environment string
		says        string
	}{
		"a misspelt key":            {text: strings.Replace(good, "upstream:", "upsteam:", 1), says: `did you mean "upstream"`},
		"an unknown environment":    {environment: "staging", says: `no environment "staging"`},
		"a certificate is missing":  {text: strings.Replace(good, s.cert, s.cert+".gone", 1), says: "cert.pem.gone"},
		"a key that others read":    {spoil: func() error { return os.Chmod(s.key, 0o644) }, mend: func() error { return os.Chmod(s.key, 0o600) }, says: "mode 0644"},
		"a master key others read":  {spoil: func() error { return os.Chmod(filepath.Join(s.data, "master.key"), 0o644) }, mend: func() error { return os.Chmod(filepath.Join(s.data, "master.key"), 0o600) }, says: "master.key"},
		"a folder others write to":  {spoil: func() error { return os.Chmod(s.data, 0o777) }, mend: func() error { return os.Chmod(s.data, 0o700) }, says: "chmod 700"},
		"no register":               {spoil: func() error { return os.Rename(s.data, s.data+".away") }, mend: func() error { return os.Rename(s.data+".away", s.data) }, says: "no register"},
		"a country file is missing": {text: "countries: {file: /none.mmdb}\n" + good, says: "none.mmdb"},
		"ACME in a build without":   {text: strings.Replace(good, "tls: {certificate: "+s.cert+", key: "+s.key+"}", "tls: {acme: {domains: [api.example], accept_terms: true}}", 1), says: "without ACME"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.text == "" {
				c.text = good
			} else if c.text == good {
				t.Fatal("the configuration was not changed")
			}
			s.writeText(t, c.text)
			if c.spoil != nil {
				must(c.spoil())
			}
			var environments []string
			if c.environment != "" {
				environments = []string{c.environment}
			}
			d, err := s.launch(exec.Command(binary(t)), environments...)
			if err == nil {
				d.kill()
				t.Fatal("it starts")
			}
			if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "exit status 2") {
				t.Errorf("it says %v, want %q", err, c.says)
			}
			if _, err := s.state(sandbox); err == nil {
				t.Error("a state file is left behind")
			}
			if c.mend != nil {
				_ = os.RemoveAll(filepath.Join(s.dir, "none"))
				if c.says == "no register" {
					must(os.RemoveAll(s.data)) // an empty folder was made
				}
				must(c.mend())
			}
		})
	}
	d := s.serve(t)
	d.signed(t, sandbox, get("mended")).want(t, 200)
}
