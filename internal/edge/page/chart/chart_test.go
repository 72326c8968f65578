package chart_test

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/edge/page/chart"
)

var begin = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// over is a chart of n steps of a quarter of an hour.
func over(n int, series ...chart.Series) chart.Over {
	c := chart.Over{ID: "c", Title: "Requests", Series: series}
	for i := range n {
		c.Times = append(c.Times, begin.Add(time.Duration(i)*15*time.Minute))
	}
	return c
}

// elements counts the elements of a piece of markup, which must be well formed, and hands each to look.
func elements(t *testing.T, text string, look func(e xml.StartElement)) map[string]int {
	t.Helper()
	count := map[string]int{}
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict = true
	d.Entity = xml.HTMLEntity
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return count
		}
		if err != nil {
			t.Fatalf("the markup is not well formed: %v\n%s", err, text)
		}
		if e, ok := token.(xml.StartElement); ok {
			count[e.Name.Local]++
			if look != nil {
				look(e)
			}
		}
	}
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func TestStackedDrawsEachStepAndItsTable(t *testing.T) {
	text, err := chart.Stacked(over(4, chart.Series{Name: "allowed", Tone: "good", Values: []float64{10, 0, 90, 50}},
		chart.Series{Name: "refused", Tone: "bad", Values: []float64{0, 0, 10, 1}}))
	if err != nil {
		t.Fatal(err)
	}
	var bars []string
	count := elements(t, string(text), func(e xml.StartElement) {
		if e.Name.Local == "path" && strings.HasPrefix(attr(e, "class"), "bar") {
			bars = append(bars, attr(e, "class")+" "+attr(e, "d"))
		}
		for _, a := range e.Attr {
			if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") {
				t.Errorf("the policy forbids %s", a.Name.Local)
			}
		}
	})
	// Of 120 units for 100 requests: what is refused stands on what is allowed, and one refusal is seen as well.
	want := []string{"bar good M15.00 108.00h120.00v12.00h-120.00zM315.00 12.00h120.00v108.00h-120.00zM465.00 60.00h120.00v60.00h-120.00z",
		"bar bad M315.00 0.00h120.00v12.00h-120.00zM465.00 58.50h120.00v1.50h-120.00z"}
	if strings.Join(bars, "\n") != strings.Join(want, "\n") {
		t.Errorf("bars:\n%s\nnot:\n%s", strings.Join(bars, "\n"), strings.Join(want, "\n"))
	}
	if count["tr"] != 5 || count["pattern"] != 1 || count["details"] != 1 || count["caption"] != 1 {
		t.Error("no table behind it, or no pattern:", count)
	}
	for _, part := range []string{`role="img"`, `aria-labelledby="c-title"`, `<desc id="c-desc">allowed 150, refused 11.`, "2026-11-20 10:30 UTC, allowed 90, refused 10", ">100</span>"} {
		if !strings.Contains(string(text), part) {
			t.Errorf("there is no %s in\n%s", part, text)
		}
	}
}

func TestLinesHaveGapsWhereNothingWasMeasured(t *testing.T) {
	text, err := chart.Lines(over(5, chart.Series{Name: "p50", Values: []float64{1, 2, math.NaN(), 4, -1}}, chart.Series{Name: "p99", Tone: "three", Values: []float64{10, 10, 10, 10, 10}}))
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	elements(t, string(text), func(e xml.StartElement) {
		if e.Name.Local == "path" && strings.HasPrefix(attr(e, "class"), "line") && len(attr(e, "d")) > 10 {
			paths = append(paths, attr(e, "class")+" "+attr(e, "d"))
		}
	})
	want := []string{"line one M60.00 108.00L180.00 96.00", "line one dots M420.00 72.00h0", "line three M60.00 0.00L180.00 0.00L300.00 0.00L420.00 0.00L540.00 0.00"}
	if strings.Join(paths, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q", paths)
	}
	if strings.Count(string(text), "<td class=\"n\">–</td>") != 2 {
		t.Error("the table does not say where nothing was measured")
	}
}

func TestNamesOfStrangersStayText(t *testing.T) {
	evil := `"><script>alert(1)</script>`
	c := over(1, chart.Series{Name: evil, Tone: evil, Values: []float64{1}})
	c.Title, c.Note = evil, evil
	stacked, err := chart.Stacked(c)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := chart.Lines(c)
	if err != nil {
		t.Fatal(err)
	}
	ranked, err := chart.Ranked(evil, evil, evil, []chart.Share{{Name: evil, Note: evil, Count: 1, Href: "javascript:alert(1)"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(stacked), string(lines), string(ranked)} {
		if count := elements(t, text, nil); count["script"] > 0 || strings.Contains(text, "javascript:") {
			t.Error(text)
		}
	}
}

func TestRankedIsATableOfPartsOfTheGreatest(t *testing.T) {
	text, err := chart.Ranked("Refusals", "Reason", "Refused", []chart.Share{{Name: "bad_signature", Count: 300, Href: "/x?a=b&c=d"}, {Name: "stale", Count: 100}, {Name: "none"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var widths []string
	elements(t, string(text), func(e xml.StartElement) {
		if attr(e, "class") == "bar bad" {
			widths = append(widths, attr(e, "width"))
		}
	})
	if strings.Join(widths, " ") != "100.00 33.33 0" {
		t.Error(widths)
	}
	for _, part := range []string{"75.0 %", "25.0 %", "0 %", `href="/x?a=b&amp;c=d"`, ">bad_<wbr/>signature<", ">stale<"} {
		if !strings.Contains(string(text), part) {
			t.Errorf("there is no %s", part)
		}
	}
	if _, err := chart.Ranked("t", "n", "w", nil, nil); err != nil {
		t.Error("an empty list:", err)
	}
}

func TestChartsOfNothingAndOfTooMuch(t *testing.T) {
	for name, c := range map[string]chart.Over{"no points": over(0, chart.Series{Values: []float64{}}), "one point": over(1, chart.Series{Values: []float64{0}}),
		"nothing finite": over(2, chart.Series{Values: []float64{math.Inf(1), math.NaN()}}), "huge": over(2, chart.Series{Values: []float64{1e300, math.MaxFloat64}})} {
		for _, draw := range []func(chart.Over) (string, error){
			func(c chart.Over) (string, error) { h, err := chart.Stacked(c); return string(h), err },
			func(c chart.Over) (string, error) { h, err := chart.Lines(c); return string(h), err },
		} {
			text, err := draw(c)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
				t.Errorf("%s: a number that is none in\n%s", name, text)
			}
		}
	}
	bad := map[string]chart.Over{"no series": over(1), "values that do not fit": over(2, chart.Series{Values: []float64{1}}),
		"too many points": over(chart.MaxPoints+1, chart.Series{Values: make([]float64, chart.MaxPoints+1)})}
	evil := over(1, chart.Series{Values: []float64{1}})
	evil.ID = `x"onload=`
	bad["an id that is none"] = evil
	for name, c := range bad {
		if _, err := chart.Lines(c); !errors.Is(err, chart.ErrChart) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := chart.Stacked(c); !errors.Is(err, chart.ErrChart) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
