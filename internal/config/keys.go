package config

import (
	"context"
	"fmt"
	"strings"

	"countersign.dev/internal/secret"
)

// Keys is where a key ring comes from: exactly one of both fields is set.
type Keys struct {
	// File is a key file, mode 0600.
	File string `key:"file"`
	// Env names the environment variable that holds the text of a key file.
	Env string `key:"env"`
}

// KeysOf says where the keys of an environment come from: its own, or those of the register. The name of no environment
// gives those of the register.
func (c *Config) KeysOf(environment string) Keys {
	if e := c.Environment(environment); e != nil && e.KeyFile+e.KeyEnv != "" {
		return Keys{File: e.KeyFile, Env: e.KeyEnv}
	}
	return c.Keys
}

// KeySource makes the source of a key ring. It reads nothing: the variable or the file is read when the source is asked, so
// that a server which serves one environment never touches the keys of another.
func (c *Config) KeySource(k Keys) secret.KeySource {
	if k.Env != "" {
		return variable{name: k.Env, lookup: c.lookup}
	}
	return secret.KeyFile{Path: k.File}
}

// variable is a key file's text in an environment variable.
type variable struct {
	name   string
	lookup func(string) (string, bool)
}

// Keys reads the variable. Errors wrap secret.ErrKeyFile and hold nothing of the text.
func (v variable) Keys(context.Context) ([]secret.Key, error) {
	if v.lookup == nil {
		return nil, fmt.Errorf("%w: no environment to read %s from", secret.ErrKeyFile, v.name)
	}
	text, ok := v.lookup(v.name)
	if !ok || text == "" {
		return nil, fmt.Errorf("%w: the environment variable %s is not set", secret.ErrKeyFile, v.name)
	}
	// $(cat FILE) and most managers of secrets take the end of the last line away.
	keys, err := secret.ParseKeys(append([]byte(strings.TrimSuffix(text, "\n")), '\n'))
	if err != nil {
		return nil, fmt.Errorf("environment variable %s: %w", v.name, err)
	}
	return keys, nil
}
