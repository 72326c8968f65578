package bucket

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"countersign.dev/internal/faultfile"
)

// LoadCredentials reads the access key and its secret: two lines of a file with mode 0600. A symbolic link, and a file that anybody else
// may read or write, is refused (security rule 39). No error holds a byte of the file.
func LoadCredentials(path string) (access, secret string, err error) {
	f, err := faultfile.OS{}.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return "", "", fmt.Errorf("read the bucket's credentials: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", "", fmt.Errorf("read the bucket's credentials: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", "", fmt.Errorf("%s can be used by others (mode %04o): chmod 600 it, and make new credentials if others use this machine", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return "", "", fmt.Errorf("read the bucket's credentials: %w", err)
	}
	access, secret, err = parseCredentials(string(text))
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return access, secret, err
}

func parseCredentials(text string) (access, secret string, err error) {
	access, secret, two := strings.Cut(strings.TrimSuffix(text, "\n"), "\n")
	if !two || access == "" || secret == "" || strings.ContainsAny(access+secret, "\n\r\t ") {
		return "", "", errors.New("want two lines: the access key, and its secret")
	}
	return access, secret, nil
}
