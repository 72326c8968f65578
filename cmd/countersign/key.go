package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"countersign.dev/internal/secret"
	"github.com/spf13/cobra"
)

func newKey() *cobra.Command {
	o := new(operator)
	return o.group("key", "Exchange the keys that seal secrets and tokens", `Exchange keys, without a stop of the server. The key ring, a file of mode 0600, seals what is secret in the register; a sealing
key of an environment, kept in the register and itself sealed with the ring, seals that environment's access tokens; the
checkpoint key signs what vouches for the records.`,
		newKeyList(o), newKeyRotate(o), newKeyReseal(o), newKeyRetire(o), newKeyRotateSealing(o), newKeyDropSealing(o), newKeyCheckpoint(o))
}

// ringPlace is one source of keys and what it is for.
type ringPlace struct {
	environments []string // empty: every environment without a source of its own
	where        string   // the file, or "variable NAME"
	source       secret.KeySource
}

// ringPlaces are the sources of keys of a register: its own first.
func (p place) ringPlaces() []ringPlace {
	if p.config == nil {
		file := p.keys("").(secret.KeyFile)
		return []ringPlace{{where: file.Path, source: file}}
	}
	var found []ringPlace
	for _, environment := range append([]string{""}, p.config.Names()...) {
		keys := p.config.KeysOf(environment)
		where := keys.File
		if keys.Env != "" {
			where = "variable " + keys.Env
		}
		i := 0
		for i < len(found) && found[i].where != where {
			i++
		}
		if i == len(found) {
			found = append(found, ringPlace{where: where, source: p.config.KeySource(keys)})
		}
		if i > 0 && environment != "" {
			found[i].environments = append(found[i].environments, environment)
		}
	}
	return found
}

// of chooses the source of keys for an environment; that of the register where none is named.
func (p place) ringOf(environment string) (ringPlace, error) {
	places := p.ringPlaces()
	if environment == "" {
		return places[0], nil
	}
	if p.config != nil && p.config.Environment(environment) == nil {
		return ringPlace{}, hinted{fmt.Errorf("environment %q is not configured", environment), "one of " + strings.Join(p.config.Names(), ", ")}
	}
	for _, one := range places[1:] {
		for _, name := range one.environments {
			if name == environment {
				return one, nil
			}
		}
	}
	return ringPlace{}, hinted{fmt.Errorf("environment %s has no key file of its own", environment), "leave --environment out: it uses that of the register, " + places[0].where}
}

// environment names the ring in the record: the first environment that it is for; empty for that of the register.
func (p ringPlace) environment() string {
	if len(p.environments) == 0 {
		return ""
	}
	return p.environments[0]
}

// file is the key file, where keys can be added and dropped. Keys out of a variable are the business of who sets it.
func (p ringPlace) file() (secret.KeyFile, error) {
	file, ok := p.source.(secret.KeyFile)
	if !ok {
		return file, hinted{errors.New("the keys come from " + p.where), "add a line with a new key at the end of its text, as in a key file: 8 hex digits that no other line has, a space, base64 of 32 random bytes (openssl rand -base64 32); then restart the server and run countersign key reseal"}
	}
	file.Rand = rand.Reader
	return file, nil
}

// keyView is one key of a ring, without the key.
type keyView struct {
	ID           string   `json:"id"`
	Where        string   `json:"where"`
	Environments []string `json:"environments"` // empty: every environment without keys of its own
	Newest       bool     `json:"newest"`
	SealedValues int      `json:"sealed_values"`
}

func (s *session) keys() ([]keyView, error) {
	counts, err := s.disk.SealedWith(s.ctx)
	if err != nil {
		return nil, err
	}
	list := []keyView{}
	for _, ring := range s.at.ringPlaces() {
		keys, err := ring.source.Keys(s.ctx)
		if err != nil {
			return nil, err
		}
		for i, key := range keys {
			key.Bytes.Zero()
			list = append(list, keyView{ID: keyName(key.ID), Where: ring.where, Environments: append([]string{}, ring.environments...),
				Newest: i == len(keys)-1, SealedValues: counts[key.ID]})
			delete(counts, key.ID)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		s.out.note("%d values are sealed with key %s, which is in no key file: they cannot be opened", counts[id], keyName(id))
	}
	return list, nil
}

func keyName(id uint32) string { return fmt.Sprintf("%08x", id) }

func newKeyList(o *operator) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the keys of the key ring and how much is sealed with each",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.onDisk(c, func(s *session) error {
				list, err := s.keys()
				if err != nil {
					return err
				}
				var rows [][]string
				for _, k := range list {
					rows = append(rows, []string{k.ID, k.state(), strconv.Itoa(k.SealedValues), strings.Join(k.Environments, ", "), k.Where})
				}
				return s.out.table(list, "no key", []string{"ID", "STATE", "SEALED VALUES", "ENVIRONMENTS", "WHERE"}, rows)
			})
		},
	}
}

// state says whether the key still has to be kept.
func (k keyView) state() string {
	switch {
	case k.Newest:
		return "seals"
	case k.SealedValues > 0:
		return "opens"
	}
	return "can be retired"
}
