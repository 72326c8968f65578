package e2e_test

import (
	"path/filepath"
	"sync"
	"testing"
)

// rig is a running dev and, where it has one, the recorder behind it.
type rig struct {
	*dev
	upstream *recorder
	hops     []string // header lines that every honest request needs, behind a trusted proxy
}

var shared struct {
	mu   sync.Mutex
	rigs []*rig
}

// models is the instance that the journeys share: the model upstreams, changed only in what a run of theirs makes.
var models = sync.OnceValues(func() (*rig, error) { return openShared("models", false) })

// recorded is the instance in front of a recorder. Tests that use it are not parallel: they count bytes.
var recorded = sync.OnceValues(func() (*rig, error) { return openShared("recorded", true) })

func openShared(name string, record bool) (*rig, error) {
	program, err := build()
	if err != nil {
		return nil, err
	}
	r, flags := new(rig), []string(nil)
	if record {
		if r.upstream, err = listenRecorder(); err != nil {
			return nil, err
		}
		flags = r.upstream.flags()
	}
	if r.dev, err = launch(program, filepath.Join(scratch, name), flags...); err != nil {
		return nil, err
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	shared.rigs = append(shared.rigs, r)
	return r, nil
}

// closeShared ends the shared instances and says what went wrong, a leaked secret included.
func closeShared() (problems []error) {
	for _, r := range shared.rigs {
		if err := r.stop(); err != nil {
			problems = append(problems, err)
		}
		if err := r.leaks(); err != nil {
			problems = append(problems, err)
		}
		if r.upstream != nil {
			r.upstream.close()
		}
	}
	return problems
}

func onModels(t *testing.T) *rig {
	t.Helper()
	r, err := models()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func onRecorder(t *testing.T) *rig {
	t.Helper()
	r, err := recorded()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// recording is a rig of one test's own.
func recording(t *testing.T, data string, flags ...string) *rig {
	t.Helper()
	u, err := listenRecorder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.close)
	return &rig{dev: start(t, data, append(u.flags(), flags...)...), upstream: u}
}
