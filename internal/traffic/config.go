package traffic

import (
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Reach is how far back the files are read: the longest span that can be asked for, and a day.
const Reach = 31 * 24 * time.Hour

// Bounds of what is counted apart. What comes beyond is not counted, and every answer says so. At all of them together the sums
// take about half a gigabyte; 10 million requests of 10,000 partners in two environments took 25 MiB in the benchmark. While a
// rebuilt folder is read again, there are two of them.
const (
	MaxSeries    = 128     // pairs of environment and API
	MaxReasons   = 4_096   // triples of environment, API and reason
	MaxPartners  = 100_000 // pairs of environment and partner
	MaxVersions  = 150_000 // versions of credentials
	MaxAddresses = 32      // of one version: those that were seen last
)

// Config makes Sums.
type Config struct {
	Folders []string         // of day files, one for each server that writes one; one that is not there is looked for again; at least one
	More    func() []string  // further folders, which come and go while this runs: those of other nodes; nil: there are none
	Now     func() time.Time // the clock that decides; required
	Log     *slog.Logger     // hears of damaged files; required
}

// Sums are what pages ask. Safe for concurrent use; nobody closes it. Before the first Poll has ended every answer is empty and
// says that it is still being read.
type Sums struct {
	cfg Config

	turn   sync.Mutex // one Poll at a time; guards the next two
	kept   []*folder
	broken bool // kept belongs to sums that were given up

	mu    sync.RWMutex // guards all below
	state *state
}

// New checks cfg and reads nothing yet.
func New(cfg Config) (*Sums, error) {
	if len(cfg.Folders) == 0 || cfg.Now == nil || cfg.Log == nil {
		return nil, errors.New("traffic needs folders of rollups, a clock and a log")
	}
	s := &Sums{cfg: cfg, state: newState()}
	s.begin()
	return s, nil
}
