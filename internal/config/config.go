// Package config reads the server's one configuration file.
//
// It owns the keys of the file: their names, types, defaults, bounds and descriptions stand in one table, from which the file
// is decoded, the JSON Schema and the reference are made, and the effective configuration is shown. It owns the checks that
// look at more than one key, and those that look at the files which the configuration names.
//
// It refuses unknown and misspelt keys with file, line, column and the nearest known key (security rule 35), doubled keys,
// anchors, aliases, tags and merge keys, values without their unit, and secrets in the file: these stand in files of their own
// (security rule 39) or in environment variables that the file names. Text is never substituted into the file: a variable that
// holds a line break could otherwise add keys that nobody reviewed. A configuration is whole or it is nil, and every problem
// is told at once.
//
// The attacks it answers: a setting that says less than its author thinks, a trusted proxy prefix that trusts everybody
// (security rule 21), and a file that exhausts its reader.
package config

import (
	"path/filepath"
	"slices"
	"time"
)

// Config is one whole configuration, with every default in place: no field of it means "default" by being zero, but where its
// comment says so. Paths are absolute, or relative to the process where the file's own name was. It holds no secret. It is
// never changed after Load or Parse and may be shared.
type Config struct {
	// File is the name that the configuration was read under.
	File string

	// Data is the folder of the register, journals and, unless set elsewhere, the records. Required.
	Data string `key:"data"`
	// Keys is where the master key of the register comes from. Default: the file master.key in Data.
	Keys Keys `key:"keys"`
	// Log is the server's own log, on standard error.
	Log Log `key:"log"`
	// Ops is the listener of /livez, /readyz and /metrics.
	Ops Ops `key:"ops"`
	// Admin is the operators' plane. nil: there is none, and operators have the command line on this machine.
	Admin *Admin `key:"admin"`
	// Portal is the partners' portal. nil: there is none.
	Portal *Portal `key:"portal"`
	// Countries is the table for country rules.
	Countries Countries `key:"countries"`
	// Drain bounds the end of the server and of a listener that a reload takes away.
	Drain Drain `key:"drain"`
	// Memory bounds what grows with the callers.
	Memory Memory `key:"memory"`
	// Register says which engine keeps the register.
	Register Register `key:"register"`
	// Valkey is the server that nodes share for Replay and Limits. nil: there is none.
	Valkey *Valkey `key:"valkey"`
	// Replay is what remembers requests that must not be repeated.
	Replay Replay `key:"replay"`
	// Limits is what counts requests. How many an API lets in stands with the API.
	Limits Counting `key:"limits"`
	// Records are the decision record and what is made of it.
	Records Records `key:"records"`
	// Tracing is where spans of requests go. nil: nothing is traced.
	Tracing *Tracing `key:"tracing"`
	// Sealing is about the keys that seal access tokens.
	Sealing Sealing `key:"sealing"`
	// Credentials is about the life of credentials' versions.
	Credentials Credentials `key:"credentials"`
	// Reviews are the policies of environments, in the order of the file. One without a policy asks for nothing but two people.
	Reviews []Review `key:"reviews"`
	// Webhooks is about the calls that this server makes to partners' endpoints.
	Webhooks Webhooks `key:"webhooks"`
	// Environments are the separate worlds, in the order of the file; at least one. Names are unique.
	Environments []Environment `key:"environments"`

	warnings Problems
	places   map[string]Place
	lookup   func(string) (string, bool)
}

// Log says what the server's own log tells. It is JSON, one object a line.
type Log struct {
	// Level is the least severe level that is written: "debug", "info", "warn" or "error". Default "info".
	Level string `key:"level"`
}

// Ops is the operators' listener, plain HTTP (security rule 23).
type Ops struct {
	// Listen is HOST:PORT. Port 0 takes a free one. Default 127.0.0.1:9900. Empty only where the file says "off": no listener.
	Listen string `key:"listen"`
	// AllowRemote lets Listen be another address than loopback. Default false: metrics and readiness are not for strangers.
	AllowRemote bool `key:"allow_remote"`
}

// Countries is the MMDB file for country rules.
type Countries struct {
	// File is the path; empty: none, and no partner may have a country rule.
	File string `key:"file"`
}

// Drain is how a server, or a listener of it, ends.
type Drain struct {
	// Deadline is how long running requests may take once a stop was asked for; then they are cut off. Default 45 s.
	Deadline time.Duration `key:"deadline"`
	// Lameduck is how long /readyz says 503 before listeners stop to accept, so that a balancer looks elsewhere. Default 0: not
	// at all.
	Lameduck time.Duration `key:"lameduck"`
}

// Memory bounds what callers can make the server hold.
type Memory struct {
	// Bodies is how many bytes request bodies may take together. Beyond it requests are refused with 503. Default 256 MiB.
	Bodies int64 `key:"bodies"`
	// LimiterEntries is how many rate-limit counters are kept at once, for all APIs. Default 1,000,000, some 100 bytes each.
	LimiterEntries int `key:"limiter_entries"`
	// Ceiling is how much memory the process may take before the garbage collector works harder to stay below, in bytes: a soft
	// bound. 0 ("auto", the default): nine tenths of what the control group permits, and none where it permits all; the variable
	// GOMEMLIMIT, where it is set, comes before that.
	Ceiling int64 `key:"ceiling"`
}

// Sealing is about the keys that seal access tokens.
type Sealing struct {
	// RotateEvery is the age at which an environment's sealing key is replaced; tokens that the old one sealed count to their
	// end. 0 ("never"): only by hand. Default 30 days.
	RotateEvery time.Duration `key:"rotate_every"`
}

// Names lists the environments in the order of the file. The slice is the caller's.
func (c *Config) Names() []string {
	names := make([]string, len(c.Environments))
	for i, e := range c.Environments {
		names[i] = e.Name
	}
	return names
}

// Environment returns the environment of the name, or nil. It is not a copy.
func (c *Config) Environment(name string) *Environment {
	i := slices.IndexFunc(c.Environments, func(e Environment) bool { return e.Name == name })
	if i < 0 {
		return nil
	}
	return &c.Environments[i]
}

// RegisterFile is the path of the register.
func (c *Config) RegisterFile() string { return filepath.Join(c.Data, "countersign.db") }

// ReplayDir is the folder of the replay journal.
func (c *Config) ReplayDir() string { return filepath.Join(c.Data, "replay") }

// DigestKeyFile is the key of the query digests in the decision record.
func (c *Config) DigestKeyFile() string { return filepath.Join(c.Data, "digest.key") }

// Place is where a setting stands in the file. Line and Column begin at 1; Column counts characters. Both 0: not in the file,
// the default holds.
type Place struct{ Line, Column int }

// At says where a setting stands, by its path as in "environments.production.listeners[0].tls.key". A setting that is not in
// the file has the place of the nearest mapping around it that is.
func (c *Config) At(path string) Place {
	for {
		if at, ok := c.places[path]; ok || path == "" {
			return at
		}
		path = parentPath(path)
	}
}
