package page_test

import (
	"html/template"
	"testing"
	"time"

	"countersign.dev/internal/edge/page"
)

func TestTimesAreElementsInUTC(t *testing.T) {
	at := time.Date(2026, 11, 20, 20, 30, 15, 0, time.FixedZone("CET", 3600))
	const open = `<time datetime="2026-11-20T19:30:15Z" title="2026-11-20 19:30:15 UTC">`
	for _, c := range []struct{ got, want template.HTML }{
		{page.When(at), open + `2026-11-20 19:30:15 UTC</time>`},
		{page.When(&at), open + `2026-11-20 19:30:15 UTC</time>`},
		{page.Day(at), open + `2026-11-20</time>`},
		{page.When(time.Time{}), `<span class="none">never</span>`},
		{page.When((*time.Time)(nil)), `<span class="none">never</span>`},
		{page.When("no time"), `<span class="none">never</span>`},
		{page.Ago(at.Add(90*time.Second), at), open + `1 min ago</time>`},
		{page.Ago(at.Add(-72*time.Hour), at), open + `in 3 days</time>`},
		{page.Ago(at, at), open + `now</time>`},
	} {
		if c.got != c.want {
			t.Errorf("%s, not %s", c.got, c.want)
		}
	}
}

func TestWordsForNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{page.Count(0), "0"}, {page.Count(999), "999"}, {page.Count(1234567), "1\u202f234\u202f567"}, {page.Count(int64(-1234)), "-1\u202f234"}, {page.Count("x"), "x"},
		{page.Bytes(0), "0 B"}, {page.Bytes(1536), "1.5 KiB"}, {page.Bytes(int64(10 << 20)), "10.0 MiB"}, {page.Bytes(3 << 30), "3.0 GiB"},
		{page.Share(1, 3), "33.3 %"}, {page.Share(1, 0), "0 %"},
		{page.Span(0), "0 µs"}, {page.Span(900 * time.Millisecond), "900 ms"}, {page.Span(59 * time.Second), "59 s"}, {page.Span(47 * time.Hour), "47 h"}, {page.Span(48 * time.Hour), "2 days"},
		{page.Cut(5, "abcdef"), "abcd…"}, {page.Cut(6, "abcdef"), "abcdef"}, {page.Cut(3, "äöüß"), "äö…"}, {page.Cut(3, "\xff\xfe\xfd\xfc"), "\ufffd\ufffd…"},
		{page.Plural(1, "review", "reviews"), "1 review"}, {page.Plural(0, "review", "reviews"), "0 reviews"},
		{page.Short("0123456789abcdef"), "0123456789abc…"},
	} {
		if c.got != c.want {
			t.Errorf("%q, not %q", c.got, c.want)
		}
	}
}

func TestACodeBreaksBetweenItsParts(t *testing.T) {
	for text, want := range map[string]string{"": "", "allowed": "allowed", "bad_signature": "bad_<wbr>signature", "GET /a/b": "GET /<wbr>a/<wbr>b", "a@b": "a@<wbr>b",
		`</td><script>`: `&lt;/<wbr>td&gt;&lt;script&gt;`} {
		if got := string(page.Breaks(text)); got != want {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

func TestBadgeEscapesItsWord(t *testing.T) {
	if got := page.Badge("bad\" onload=", "<b>"); got != `<span class="badge plain">&lt;b&gt;</span>` {
		t.Error(got)
	}
	if got := page.Badge("good", "approved"); got != `<span class="badge good">approved</span>` {
		t.Error(got)
	}
}
