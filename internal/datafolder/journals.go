package datafolder

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Remembered is until when, in Unix seconds, the replay journals of other servers on the folder may remember a request of a server
// with this scope, and with own its own journal, too, for one that does not read it any more; 0: none does. A server of all environments (scope "") and one of a single environment (scope "-NAME") do not share
// a journal, so that one that takes the other's place knows nothing of what the other has claimed. Segments of a journal are named by
// the minute in which their last claim ends.
func Remembered(dir, scope string, own bool) (until int64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		other, ok := strings.CutPrefix(e.Name(), "replay")
		if !ok || !e.IsDir() || other == scope && !own || !Overlap(scope, other) {
			continue
		}
		end, err := JournalEnd(filepath.Join(dir, e.Name()))
		if err != nil {
			return 0, err
		}
		until = max(until, end)
	}
	return until, nil
}

// JournalEnd is until when, in Unix seconds, the replay journal in a folder may remember anything; 0: it is empty.
func JournalEnd(dir string) (until int64, err error) {
	segments, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("look at the replay journal of another server: %w", err)
	}
	for _, s := range segments {
		digits, ok := strings.CutSuffix(s.Name(), ".seg")
		if minute, err := strconv.ParseInt(digits, 10, 33); ok && err == nil {
			until = max(until, minute*60+59)
		}
	}
	return until, nil
}

// Overlap reports whether two servers, named by their scopes, have an environment in common.
func Overlap(a, b string) bool {
	if a == "" || b == "" {
		return true
	}
	for one := range strings.SplitSeq(a[1:], "+") {
		for two := range strings.SplitSeq(b[1:], "+") {
			if one == two {
				return true
			}
		}
	}
	return false
}
