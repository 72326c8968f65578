package config

import (
	"errors"
	"os"
	"path/filepath"
)

// door looks at the files of a door for other proxies.
func (k checker) door(o *Door, path string) {
	if o.SecretFile != "" {
		k.private(path+".secret_file", o.SecretFile, 0o077, "write a secret of 16 to 256 bytes into it, on one line; the proxy sends the same")
	}
	if o.TLS != nil {
		k.pair(path+".tls.certificate", Pair{o.TLS.Certificate, o.TLS.Key}, nil, map[string]bool{})
	}
	k.authorities(path+".client_ca_file", o.ClientCAFile)
	if !isSocket(o.Address) {
		return
	}
	folder := filepath.Dir(o.Address[len("unix:"):])
	switch info, err := os.Stat(folder); {
	case err != nil:
		k.wrong(path+".address", err, "mkdir -p "+folder)
	case !info.IsDir():
		k.wrong(path+".address", errors.New(folder+" is not a folder"), "")
	case info.Mode().Perm()&0o002 != 0:
		k.at(k.c, path+".address", "everybody may write into "+folder+": another program could take the place of the socket", "use a folder of the server's own, for example /run/countersign")
	}
}
