// Package deploy_test holds what is shipped for running a server to what it says: units, the image, alerts.
package deploy_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// instruction is one of a Containerfile.
type instruction struct{ name, rest string }

// containerfile reads the one at the root, stage by stage. It knows no continued lines and no here-documents: ours has none.
func containerfile(t *testing.T) (args []instruction, stages [][]instruction) {
	t.Helper()
	f, err := os.Open("../Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	known := []string{"ARG", "FROM", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT", "CMD"}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, rest, _ := strings.Cut(line, " ")
		if !slices.Contains(known, name) || strings.HasSuffix(line, "\\") || strings.Contains(line, "<<") {
			t.Fatalf("%q is no line of ours: ADD and ENV are not used, and no line is continued", line)
		}
		switch {
		case name == "FROM":
			stages = append(stages, []instruction{{name, rest}})
		case len(stages) == 0:
			args = append(args, instruction{name, rest})
		default:
			stages[len(stages)-1] = append(stages[len(stages)-1], instruction{name, rest})
		}
	}
	return args, stages
}

func all(stage []instruction, name string) (rest []string) {
	for _, i := range stage {
		if i.name == name {
			rest = append(rest, i.rest)
		}
	}
	return rest
}

// TestTheImageHoldsNothingButTheProgram: a last stage from nothing, a user that is a number and not root, no shell anywhere in it.
func TestTheImageHoldsNothingButTheProgram(t *testing.T) {
	args, stages := containerfile(t)
	if len(stages) != 2 || stages[0][0].rest != "${GO_IMAGE} AS build" || stages[1][0].rest != "scratch" {
		t.Fatalf("%d stages: %v", len(stages), stages)
	}
	image := strings.TrimPrefix(args[0].rest, "GO_IMAGE=")
	if len(args) != 1 || !regexp.MustCompile(`^docker\.io/library/golang:1\.[0-9]+-bookworm$`).MatchString(image) {
		t.Errorf("the build image is %v: want a version, and never latest", args)
	}
	last := stages[1]
	if got := all(last, "USER"); !slices.Equal(got, []string{"65532:65532"}) {
		t.Errorf("the user is %v", got)
	}
	if len(all(last, "RUN")) > 0 {
		t.Error("the last stage runs something, and has nothing to run it with")
	}
	for _, name := range []string{"ENTRYPOINT", "CMD"} {
		if got := all(last, name); len(got) != 1 || !strings.HasPrefix(got[0], "[") {
			t.Errorf("%s %v: want one, without a shell", name, got)
		}
	}
	if got := all(last, "HEALTHCHECK"); len(got) != 1 || !strings.HasSuffix(got[0], `CMD ["/usr/local/bin/countersign", "ready"]`) {
		t.Errorf("the health check is %v", got)
	}
	for _, c := range all(last, "COPY") {
		if !strings.HasPrefix(c, "--from=build ") {
			t.Errorf("COPY %s: only what was built goes into the image", c)
		}
	}
}

// TestTheImageIsBuiltAsItSays: what the COPY lines of the build stage copy, and nothing else, builds with its RUN line into one static
// binary that answers.
func TestTheImageIsBuiltAsItSays(t *testing.T) {
	binary := program(t)
	if text, err := exec.CommandContext(t.Context(), binary, "version").CombinedOutput(); err != nil || !strings.HasPrefix(string(text), "countersign ") {
		t.Errorf("version: %v\n%s", err, text)
	}
	static(t, binary)
	if info, err := os.Stat(filepath.Join(filepath.Dir(binary), "root/var/lib/countersign")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the data folder of the image: %v, %v", info, err)
	}
}

// copied is what COPY does.
func copied(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
