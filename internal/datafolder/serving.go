package datafolder

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Serving is what a server says of one environment in its data folder, after each revision that it has put in force: commands that
// wait for a change read it. The lock beside it says whether the server lives.
type Serving struct {
	PID         int    `json:"pid"`
	Environment string `json:"environment"`
	Revision    uint64 `json:"revision"`
	At          string `json:"at"`
	Ops         string `json:"ops"`    // where its health is; empty: it has no listener for that
	Admin       string `json:"admin"`  // where the operators' plane is; empty: it has none
	Portal      string `json:"portal"` // where the partners' portal is; empty: it has none

	Listeners []string `json:"listeners"` // addresses that are served
}

// ServingFile is where a server says it. dir is the data folder.
func ServingFile(dir, environment string) string {
	return filepath.Join(dir, "serving-"+environment+".json")
}

// Say puts s into the data folder as a whole. The caller holds the lock of the environment.
func Say(dir string, s Serving) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return Replace(ServingFile(dir, s.Environment), append(text, '\n'))
}

// Unsay takes away what was said, also by a server that was killed. The caller holds the lock of the environment.
func Unsay(dir, environment string) error {
	err := os.Remove(ServingFile(dir, environment))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
