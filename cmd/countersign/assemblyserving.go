package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// servingPath is where a server says what it has put in force of an environment.
func servingPath(dir, environment string) string {
	return filepath.Join(dir, "serving-"+environment+".json")
}

// writeServing says for each environment which revision is in force, for commands that wait until a change is live. It is no
// part of serving: what cannot be written is logged.
func (a *assembly) writeServing(revision uint64) {
	for _, environment := range a.environments {
		text, err := json.Marshal(servedState{Environment: environment, Revision: revision, Ops: a.opsURL(), Admin: a.planeURL(), Portal: a.portalURL(), Listeners: a.addresses()[environment]}.self())
		if err == nil {
			err = replaceFile(servingPath(a.dir, environment), append(text, '\n'))
		}
		if err != nil {
			a.log.Warn("commands that wait for a change cannot see that it is live", "environment", environment, "cause", err.Error())
		}
	}
}

// clearServing takes away what this server, or one that was killed before it, has said. The caller holds the locks.
func (a *assembly) clearServing() error {
	a.begun = true
	var failures []error
	for _, environment := range a.environments {
		if err := os.Remove(servingPath(a.dir, environment)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}
