package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	sandbox    = "sandbox"
	production = "production"
	startLimit = 60 * time.Second // bound for one start; a start takes about a second
	stopLimit  = 90 * time.Second // longer than a drain may take
)

// ready is the ready file.
type ready struct {
	CAFile       string                 `json:"ca_file"`
	OpsURL       string                 `json:"ops_url"`
	DecisionLog  string                 `json:"decision_log"`
	Environments map[string]environment `json:"environments"`
	Admin        struct {
		URL          string `json:"url"`
		SignInLink   string `json:"sign_in_link"`
		ServiceToken string `json:"service_token"`
	} `json:"admin"`
}

type environment struct {
	BaseURL     string `json:"base_url"`
	Aggregation struct {
		BasePath      string `json:"base_path"`
		AppKey        string `json:"app_key"`
		PartnerID     string `json:"partner_id"`
		PartnerSecret string `json:"partner_secret"`
	} `json:"aggregation"`
	Card struct {
		BasePath  string `json:"base_path"`
		APIToken  string `json:"api_token"`
		APISecret string `json:"api_secret"`
	} `json:"card"`
}

// dev is one running `countersign dev`.
type dev struct {
	ready
	data      string
	readyFile string
	stdout    *buffer
	stderr    *buffer
	cmd       *exec.Cmd
	exited    chan struct{}
	exit      error
}

// buffer is a bytes.Buffer that a process writes while a test reads.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// launch starts dev over a data folder and waits for its ready file, which lies beside that folder.
func launch(program, data string, flags ...string) (*dev, error) {
	return launchAs(exec.Command(program), data, flags...)
}

func launchAs(cmd *exec.Cmd, data string, flags ...string) (*dev, error) {
	d := &dev{data: data, readyFile: data + ".ready.json", stdout: new(buffer), stderr: new(buffer), exited: make(chan struct{})}
	if err := os.Remove(d.readyFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	d.cmd = cmd
	d.cmd.Args = append(append(d.cmd.Args,
		"dev", "--data", data, "--listen-sandbox", "127.0.0.1:0", "--listen-production", "127.0.0.1:0",
		"--listen-ops", "127.0.0.1:0", "--ready-file", d.readyFile), flags...)
	d.cmd.Stdout, d.cmd.Stderr = d.stdout, d.stderr
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		d.exit = d.cmd.Wait()
		close(d.exited)
	}()
	if err := d.await(); err != nil {
		_ = d.cmd.Process.Kill()
		<-d.exited
		return nil, fmt.Errorf("%w\nstdout: %s\nstderr: %s", err, d.stdout, d.stderr)
	}
	return d, nil
}

// await polls for the ready file; the product writes it by renaming, so that what is there is whole.
func (d *dev) await() error {
	deadline := time.Now().Add(startLimit)
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		text, err := os.ReadFile(d.readyFile)
		if err == nil {
			return json.Unmarshal(text, &d.ready)
		}
		select {
		case <-d.exited:
			return fmt.Errorf("dev ended before it was ready: %v", d.exit)
		case <-time.After(wait):
		}
		if time.Now().After(deadline) {
			return errors.New("no ready file in time")
		}
	}
}

// stop asks for an orderly end and reports anything but exit code 0.
func (d *dev) stop() error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-d.exited:
	case <-time.After(stopLimit):
		_ = d.cmd.Process.Kill()
		<-d.exited
		return errors.New("dev did not end after SIGTERM")
	}
	if d.exit != nil {
		return fmt.Errorf("dev after SIGTERM: %w\nstderr: %s", d.exit, d.stderr)
	}
	return nil
}

// kill is kill -9.
func (d *dev) kill() {
	_ = d.cmd.Process.Kill()
	<-d.exited
}

// start is launch for one test, which ends it when the test has not done so.
func start(t *testing.T, data string, flags ...string) *dev {
	t.Helper()
	return startAs(t, exec.Command(binary(t)), data, flags...)
}

func startAs(t *testing.T, cmd *exec.Cmd, data string, flags ...string) *dev {
	t.Helper()
	d, err := launchAs(cmd, data, flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-d.exited:
		default:
			if err := d.stop(); err != nil {
				t.Error(err)
			}
		}
	})
	return d
}

// mustStop ends d within a test.
func mustStop(t *testing.T, d *dev) {
	t.Helper()
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
}

// folder is a data folder that does not exist yet, in a folder that goes away with the test.
func folder(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "data")
}

// address is host and port of an environment's base URL.
func (e environment) address() string {
	u, err := url.Parse(e.BaseURL)
	if err != nil {
		return e.BaseURL
	}
	return u.Host
}
