package nodes_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// watchVariable makes a process of this test the one that cleans up.
const watchVariable = "COUNTERSIGN_NODES_WATCH"

// watch is a process of its own that learns from the end of a pipe that the test has ended, however it did. Then it ends every process
// that works in one of the test's folders, paused ones too, and removes the folders. PostgreSQL detaches itself from whoever starts it,
// and a signal at a parent's death reaches no process that is stopped: neither does without it.
type watch struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

func startWatch() (*watch, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &watch{cmd: exec.Command(self)}
	w.cmd.Env = append(os.Environ(), watchVariable+"=1")
	w.cmd.Stderr = os.Stderr
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal is not for it
	if w.pipe, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return w, w.cmd.Start()
}

// over puts a folder into its care.
func (w *watch) over(folder string) { _, _ = fmt.Fprintln(w.pipe, folder) }

func (w *watch) end() {
	_ = w.pipe.Close()
	_ = w.cmd.Wait()
}

// guard is the life of that process.
func guard(in io.Reader) {
	var folders []string
	for lines := bufio.NewScanner(in); lines.Scan(); {
		folders = append(folders, lines.Text())
	}
	for range 100 { // who dies may have begun another
		found := 0
		for _, pid := range below(folders) {
			found++
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if found == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, folder := range folders {
		_ = os.RemoveAll(folder)
	}
}

// below are the processes whose working folder is one of these, or lies in it.
func below(folders []string) (pids []int) {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd") // the pattern is right
	for _, link := range links {
		at, err := os.Readlink(link)
		if err != nil {
			continue // it ended, or is somebody else's
		}
		for _, folder := range folders {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			if err == nil && pid != os.Getpid() && (at == folder || strings.HasPrefix(at, folder+"/")) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
