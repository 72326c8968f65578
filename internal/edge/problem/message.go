package problem

import (
	"strconv"
	"strings"
	"time"

	"countersign.dev/internal/access"
)

// Bounds of what the pipeline may add to a message.
const (
	maxName   = 64
	maxDetail = 300
)

// sentence is the message of a reason that is told exactly; where the row allows it, with the decision's detail behind it.
func sentence(d *access.Decision, r row) string {
	text, detail := fill(d, r.message), strings.TrimSuffix(capped(d.Detail), ".")
	if !r.detailed || detail == "" || skewed(d) && d.Skew != 0 {
		return text // of a skew the detail would say the same again
	}
	return strings.TrimSuffix(text, ".") + ": " + detail + "."
}

// fill puts the facts of d into a template of the table. Every fact is a number, an address, a country or a name of a
// closed list; whatever does not look like one is left out.
func fill(d *access.Decision, template string) string {
	open := strings.IndexByte(template, '{')
	if open < 0 {
		return template
	}
	text := make([]byte, 0, len(template)+maxDetail/2)
	for open >= 0 {
		length := strings.IndexByte(template[open:], '}') // the table closes what it opens
		text = append(append(text, template[:open]...), fact(d, template[open+1:open+length])...)
		template = template[open+length+1:]
		open = strings.IndexByte(template, '{')
	}
	return string(append(text, template...))
}

// fact is what stands for a name in a template.
func fact(d *access.Decision, name string) string {
	switch name {
	case "Header":
		return named("The header ", d.Where, "A header")
	case "header":
		return named("the header ", d.Where, "an authentication header")
	case "parameter":
		return named("", d.Where, "unknown")
	case "scope":
		return scope(d.Where)
	case "skew":
		return skew(d)
	case "window":
		return window(d.API)
	case "address":
		return address(d)
	}
	return country(d.Country) // "country"
}

func named(article, name, otherwise string) string {
	if name == "" || len(name) > maxName || strings.Trim(name, nameBytes) != "" {
		return otherwise
	}
	return article + name
}

// scope is whose limit it is, from the closed list of access.
func scope(word string) string {
	switch word {
	case "api":
		return "this API"
	case "partner_api":
		return "this partner on this API"
	case "partner":
		return "this partner"
	case "credential_api":
		return "this credential on this API"
	case "credential":
		return "this credential"
	}
	return "this caller"
}

const nameBytes = "-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func skewed(d *access.Decision) bool {
	return d.Reason == access.StaleTimestamp || d.Reason == access.FutureTimestamp
}

// skew is how far the caller's clock is off, in whole seconds, rounded away from zero so that it is never shown as inside
// a window that it is outside of.
func skew(d *access.Decision) string {
	off := d.Skew.Abs()
	if off == 0 {
		return ""
	}
	return " by " + seconds(off+time.Second-1)
}

func window(api *access.API) string {
	var span time.Duration
	switch {
	case api == nil:
	case api.Window != 0:
		span = api.Window
	case api.Scheme != nil:
		span = api.Scheme.Window()
	}
	if span <= 0 {
		return ""
	}
	return "; the window is " + seconds(span)
}

func seconds(span time.Duration) string {
	n := int64(span / time.Second)
	if n == 1 {
		return "1 second"
	}
	return strconv.FormatInt(n, 10) + " seconds"
}

// address is the client's address with its derivation. A zone is the caller's text and left out; so is a derivation that
// holds anything but addresses and plain words.
func address(d *access.Decision) string {
	if !d.Address.IsValid() {
		return "unknown"
	}
	text := d.Address.WithZone("").String()
	if d.Reason != access.AddressNotListed {
		return text
	}
	line := strings.ReplaceAll(strings.TrimSpace(d.Derivation), "\n", "; ")
	if how := capped(line); how != "" && how == line {
		text += " (" + how + ")"
	}
	return text
}

func country(code string) string {
	if len(code) != 2 || strings.Trim(code, nameBytes[1:27]) != "" {
		return "an unknown country"
	}
	return code
}

// capped makes plain text: whatever is not printable ASCII becomes a question mark, and a text that is too long is cut.
func capped(text string) string {
	if len(text) > maxDetail {
		text = text[:maxDetail]
	}
	if strings.IndexFunc(text, unprintable) < 0 {
		return text
	}
	return strings.Map(func(r rune) rune {
		if unprintable(r) {
			return '?'
		}
		return r
	}, text)
}

func unprintable(r rune) bool { return r < 0x20 || r > 0x7e }
