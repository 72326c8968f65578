package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stuck is an output that nobody empties: a terminal that was stopped, a pipe without a reader.
type stuck struct{ until chan struct{} }

func (s stuck) Write(p []byte) (int, error) {
	<-s.until
	return len(p), nil
}

// broken is an output that fails, as /dev/full does.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// ends stops d and fails the test if that does not end.
func (d *devRun) ends() {
	d.t.Helper()
	code := make(chan int, 1)
	go func() { code <- d.stop() }()
	select {
	case got := <-code:
		if got != exitOK {
			d.t.Errorf("stopped with %d, want 0", got)
		}
	case <-time.After(time.Minute):
		d.t.Fatal("dev does not end")
	}
}

// record is what stands in the decision lines.
func (d *devRun) record() string {
	d.t.Helper()
	text, err := os.ReadFile(d.ready.DecisionLog)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

// TestOutputsDoNotStopTheGateway: neither standard output nor standard error is part of serving, of the record, or of
// ending.
func TestOutputsDoNotStopTheGateway(t *testing.T) {
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	for name, output := range map[string]io.Writer{"stuck": stuck{never}, "broken": broken{}} {
		t.Run(name, func(t *testing.T) {
			d := startDevOn(t, filepath.Join(t.TempDir(), "data"), output, output)
			for range 3 {
				if status, body := d.get(); status != http.StatusNotFound {
					t.Fatalf("%d %s", status, body)
				}
			}
			d.ends()
			if text := d.record(); strings.Count(text, `"reason":"allowed"`) != 3 || strings.Contains(text, `"gap"`) {
				t.Errorf("the record, which has nothing to do with it, is\n%s", text)
			}
		})
	}
}

func TestABannerThatCannotBePrintedIsLogged(t *testing.T) {
	d := startDevOn(t, filepath.Join(t.TempDir(), "data"), broken{}, io.Discard)
	for begun := time.Now(); !strings.Contains(d.errOut.String(), "were not printed") && time.Since(begun) < time.Minute; {
		d.get()
	}
	d.ends()
	if log := d.errOut.String(); strings.Count(log, "were not printed") != 1 || !strings.Contains(log, "no space left") || !strings.Contains(log, "dev.json") {
		t.Errorf("the log is %s", log)
	}
}

// TestAReaderThatGoesAwayDoesNotEndTheServer runs the program as a process of its own: only there does a broken pipe send a
// signal.
func TestAReaderThatGoesAwayDoesNotEndTheServer(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	reader.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	data, file := filepath.Join(dir, "data"), filepath.Join(dir, "ready.json")
	c := exec.Command(self)
	c.Args = []string{"countersign", "dev", "--data", data, "--ready-file", file,
		"--listen-sandbox", "127.0.0.1:0", "--listen-production", "127.0.0.1:0"}
	c.Stdout, c.Stderr = writer, writer
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan int, 1)
	go func() { _ = c.Wait(); ended <- c.ProcessState.ExitCode() }()
	t.Cleanup(func() { _ = c.Process.Kill() })
	d := &devRun{t: t, errOut: new(lockedBuffer)}
	if err := json.Unmarshal(d.await(file, ended), &d.ready); err != nil {
		t.Fatal(err)
	}
	d.trust()
	for range 3 {
		if status, body := d.get(); status != http.StatusNotFound {
			t.Fatalf("%d %s", status, body)
		}
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := <-ended; code != exitOK {
		t.Errorf("ended with %d after SIGTERM", code)
	}
}
