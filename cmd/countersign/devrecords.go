package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/edge/ops"
)

func (d *devServer) decisionLog() string { return filepath.Join(d.dir, "decisions.jsonl") }

// openRecords opens the decision lines and the counters, and joins them.
func (d *devServer) openRecords() error {
	key, err := keptKey(filepath.Join(d.dir, "digest.key"))
	if err != nil {
		return err
	}
	file, err := openRecord(d.decisionLog())
	if err != nil {
		return fmt.Errorf("open the decision lines: %w", err)
	}
	d.closers = append(d.closers, file.Close)
	var out io.Writer = file
	if !d.options.quiet {
		out = shown{record: file, echo: d.echo}
	}
	if d.lines, err = audit.NewLines(out, key, d.log); err != nil {
		return err
	}
	d.closers = append(d.closers, d.lines.Close)
	d.metrics = ops.NewMetrics()
	d.records = recorders{d.lines, d.metrics}
	return d.metrics.Gauge("countersign_decision_lines_lost", "Decision lines that could not be written since the start.",
		func() float64 { return float64(d.lines.Lost()) })
}

// openRecord opens the file of decision lines. Where the former run ended inside a line, because the disk was full or the
// machine stopped, the torn line is ended, so that it does not swallow the next one.
func openRecord(path string) (*os.File, error) {
	f, err := growOpen(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return f, err
	}
	last := make([]byte, 1)
	if _, err = f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
		_, err = f.Write([]byte{'\n'})
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// shown is a record that is echoed too. The record alone decides whether something was written.
type shown struct {
	record io.Writer
	echo   *audit.Echo
}

// Write implements io.Writer.
func (s shown) Write(lines []byte) (int, error) {
	_, _ = s.echo.Write(lines)
	return s.record.Write(lines)
}

// recorders hands every record to each of its members.
type recorders []gateway.Recorder

// Record implements gateway.Recorder.
func (all recorders) Record(r *audit.Decision) {
	for _, one := range all {
		one.Record(r)
	}
}
