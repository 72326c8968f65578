package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// maxOwnSecrets bounds how many files a folder of secrets may have.
const maxOwnSecrets = 64

func newOwnSecrets() *cobra.Command {
	return &cobra.Command{
		Use:   "own-secrets FROM TO",
		Short: "Copy mounted secrets into a folder of one's own, as the server wants them",
		Long: `Copy every file of the folder FROM into the folder TO, with mode 0600 and owned by whoever runs this. Volumes of secrets, those
of Kubernetes for example, hold symbolic links to files that a group can read; the server refuses both for its keys. Run it
before the server, with TO in memory. FROM must be a folder that others cannot write into; links are followed only within it.
TO is made with mode 0700, and must be yours alone where it is there. Files that are in TO already are replaced, each as a whole.`,
		Example: `  countersign own-secrets /run/mounted /run/countersign`,
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			names, err := ownSecrets(args[0], args[1])
			for _, name := range names {
				_, _ = fmt.Fprintln(c.OutOrStdout(), filepath.Join(args[1], name))
			}
			return err
		},
	}
}

// ownSecrets copies, and returns the names of what it has copied. Names that begin with a dot are the volume's own.
func ownSecrets(from, to string) (names []string, err error) {
	if err := openFolder(to); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(from)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		if len(names) == maxOwnSecrets {
			return names, fmt.Errorf("%s has more than %d files", from, maxOwnSecrets)
		}
		text, err := readWithin(root, name)
		if err == nil {
			err = replaceFile(filepath.Join(to, name), text)
			clear(text)
		}
		if err != nil {
			return names, fmt.Errorf("copy %s: %w", filepath.Join(from, name), err)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, hinted{fmt.Errorf("%s has no files", from), "is the secret mounted there?"}
	}
	return names, nil
}

// readWithin reads a plain file, or one that a link within root leads to.
func readWithin(root *os.Root, name string) ([]byte, error) {
	info, err := root.Stat(name) // before the opening: to open a pipe would wait for its other end
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a plain file")
	}
	if info.Mode().Perm()&0o022 != 0 {
		return nil, hinted{fmt.Errorf("others can write it (mode %04o)", info.Mode().Perm()), "give the volume defaultMode 0440"}
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPrivateFile+1))
	if err == nil && len(text) > maxPrivateFile {
		err = fmt.Errorf("it has more than %d bytes", maxPrivateFile)
	}
	return text, err
}

// maxPrivateFile is as much as the server reads of a file with secrets.
const maxPrivateFile = 1 << 20

// reachable is the address at which something that listens on listen can be called from this machine.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
		return net.JoinHostPort(host, port)
	}
	return listen
}
