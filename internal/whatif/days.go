package whatif

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// firstDay is the begin of the first day that a folder of per-minute counts has; zero where it has none. Package rollup names a
// day's file after it.
func firstDay(dir string) (first time.Time, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return first, nil
	}
	if err != nil {
		return first, fmt.Errorf("list the per-minute counts: %w", err)
	}
	for _, entry := range entries {
		name, ours := strings.CutSuffix(entry.Name(), ".roll")
		day, err := time.Parse(time.DateOnly, name)
		if !ours || err != nil || !entry.Type().IsRegular() {
			continue
		}
		if first.IsZero() || day.Before(first) {
			first = day
		}
	}
	return first, nil
}
