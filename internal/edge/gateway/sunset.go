package gateway

import (
	"net/http"
	"strconv"
	"time"
)

// The fields in which a caller is told that the version it proved itself with will end, in canonical form.
const (
	headerSunset      = "Sunset"      // RFC 8594 §3
	headerDeprecation = "Deprecation" // RFC 9745 §2.1
)

// tellSunset tells a caller that has proved itself of the end of the version that it did it with, and that there is a newer
// one. Both fields have one value: where an upstream has set its own, which is about what was asked for and not about the
// credential, the earlier Sunset stays, since that is what the caller has to heed, and the upstream's Deprecation. Nothing is
// told before proof (security rule 9).
func (c *call) tellSunset(header setter) {
	d := &c.decision
	if d.Sunset == 0 && d.Deprecated == 0 || !d.Proved {
		return
	}
	if d.Deprecated != 0 && len(header.Values(headerDeprecation)) == 0 {
		header.Set(headerDeprecation, "@"+strconv.FormatInt(d.Deprecated, 10))
	}
	if d.Sunset == 0 || endsEarlier(header.Values(headerSunset), d.Sunset) {
		return
	}
	header.Set(headerSunset, time.Unix(d.Sunset, 0).UTC().Format(http.TimeFormat))
}

// endsEarlier reports whether values are one readable time before end.
func endsEarlier(values []string, end int64) bool {
	if len(values) != 1 {
		return false
	}
	theirs, err := http.ParseTime(values[0])
	return err == nil && theirs.Unix() < end
}
