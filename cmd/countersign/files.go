package main

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"countersign.dev/internal/datafolder"
)

// maxPrivate bounds what is read from a file with secrets.
const maxPrivate = datafolder.MaxPrivate

// hintOf gives an error of the data folder its hint on a line of its own.
func hintOf(err error) error {
	if f := (*datafolder.Fault)(nil); errors.As(err, &f) {
		return hinted{err, f.Next}
	}
	return err
}

// The operations on files with secrets, and on the folder of them, see package datafolder.

func createFile(path string, content []byte, mode fs.FileMode) error {
	return datafolder.Create(path, content, mode)
}

func replaceFile(path string, content []byte) error { return datafolder.Replace(path, content) }

func openPrivate(path string, flag int) (*os.File, error) {
	f, err := datafolder.OpenPrivate(path, flag)
	return f, hintOf(err)
}

func readPrivate(path string) ([]byte, error) {
	text, err := datafolder.ReadPrivate(path)
	return text, hintOf(err)
}

func growOpen(path string) (*os.File, error) {
	f, err := datafolder.Grow(path)
	return f, hintOf(err)
}

func keptKey(path string) ([]byte, error) {
	key, err := datafolder.Key(path)
	return key, hintOf(err)
}

func openFolder(path string) error { return hintOf(datafolder.Open(path)) }

func lockEnvironment(dir, environment string) (io.Closer, error) {
	lock, err := datafolder.Lock(dir, environment)
	return lock, hintOf(err)
}
