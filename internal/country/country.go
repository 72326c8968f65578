// Package country tells which country an address belongs to, from a MaxMind DB
// file that the operator supplies.
//
// It owns one immutable table in memory. It refuses, at the start, a file that
// cannot be read, is too large, is damaged or holds no countries: a country rule
// without a table would be no rule (security rule 28). For an address that the
// table does not know, it says so and never guesses; callers refuse where a
// country rule applies (security rule 38).
//
// It answers the caller who hopes that an odd address, or a broken file, opens
// the door that a country rule keeps shut.
package country

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync"

	"github.com/oschwald/maxminddb-golang/v2"
)

const (
	// MaxFileSize bounds the file: 512 MiB.
	MaxFileSize = 512 << 20

	// probeLimit is how many networks are looked at in search of one country.
	probeLimit = 100_000
)

// Table answers from memory. It is immutable and may be used concurrently. It
// needs no closing: the file has been read whole, so that replacing or cutting it
// while the server runs does no harm.
type Table struct {
	reader *maxminddb.Reader
	kind   string
	built  int64
	texts  *sync.Pool // of *string: the reader's decoder wants a pointer that lives on the heap
}

// Open reads the file at path. Errors name the path and the cause: missing, not a
// regular file (a symbolic link to one is followed: such files are published that
// way), larger than MaxFileSize, damaged, without countries.
func Open(path string) (*Table, error) {
	data, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("open country file %s: %w", path, err)
	}
	table, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("open country file %s: %w", path, err)
	}
	return table, nil
}

// read opens without waiting for a pipe's other end: the mode is checked first
// and once more on the open file.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	if info.Size() > MaxFileSize {
		return nil, fmt.Errorf("%d bytes are more than the bound of %d", info.Size(), MaxFileSize)
	}
	return readBounded(f, info.Size())
}

// readBounded reads size bytes and then expects the end: a file that is being
// written right now is refused.
func readBounded(r io.Reader, size int64) ([]byte, error) {
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("the file changed while it was read: %w", err)
	}
	var extra [1]byte
	if n, err := r.Read(extra[:]); n != 0 || !errors.Is(err, io.EOF) {
		return nil, errors.New("the file changed while it was read")
	}
	return data, nil
}

// Parse reads a MaxMind DB from data, which must not be changed afterwards.
func Parse(data []byte) (*Table, error) {
	reader, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("not a readable MaxMind DB: %w", err)
	}
	t := &Table{
		reader: reader, kind: reader.Metadata.DatabaseType, built: int64(reader.Metadata.BuildEpoch),
		texts: &sync.Pool{New: func() any { return new(string) }},
	}
	if err := t.probe(); err != nil {
		return nil, err
	}
	return t, nil
}

// probe looks for one country, so that a file of another kind (ASN, say) is told
// at the start and not by refusing everybody. Empty and aliased networks are
// counted too: without them a damaged tree could keep the walk busy for ever.
func (t *Table) probe() error {
	seen := 0
	for result := range t.reader.Networks(maxminddb.IncludeNetworksWithoutData(), maxminddb.IncludeAliasedNetworks()) {
		if err := result.Err(); err != nil {
			return fmt.Errorf("damaged MaxMind DB: %w", err)
		}
		if _, ok := t.code(result); ok {
			return nil
		}
		if seen++; seen == probeLimit {
			break
		}
	}
	return fmt.Errorf("MaxMind DB of type %q holds no country.iso_code", t.kind)
}

// Kind is the type that the file gives itself, such as "GeoLite2-Country".
func (t *Table) Kind() string { return t.kind }

// Built is when the file was made, in Unix seconds, as the file says.
func (t *Table) Built() int64 { return t.built }

// Country returns the country of an address as two upper-case letters (ISO 3166-1
// alpha-2). ok is false, and iso empty, when the table does not know: no entry, an
// entry without country.iso_code, a code that is not two letters or stands for
// "unknown" (XX, ZZ), an address that is invalid or has a zone, a damaged entry.
//
// There is no fallback to registered_country: where a network was registered says
// nothing about where its user is. IPv4 addresses in IPv6 form count as IPv4.
func (t *Table) Country(address netip.Addr) (iso string, ok bool) {
	if !address.IsValid() || address.Zone() != "" {
		return "", false
	}
	result := t.reader.Lookup(address.Unmap())
	if result.Err() != nil || !result.Found() {
		return "", false
	}
	return t.code(result)
}
