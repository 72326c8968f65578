package chart

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// MaxPoints is how many points in time a chart may have.
const MaxPoints = 500

// ErrChart is wrapped by what a chart refuses: no id, or values that do not fit its points in time.
var ErrChart = errors.New("the chart cannot be drawn")

// Series is one set of numbers of a chart. Tone picks colour, pattern and dashes: "good", "bad", or "one", "two", "three" for
// lines of one kind; another one is "one". A value that is negative, above 1e18 or not a number is a gap.
type Series struct {
	Name   string
	Tone   string
	Values []float64 // one for each point in time
}

// Over is a chart over time. ID is required and unique on its page (small letters, digits, hyphens): the parts of the picture
// refer to each other by it.
type Over struct {
	ID     string
	Title  string               // what is shown, as the caption of the figure
	Note   string               // a sentence for those who do not see it; "": totals are told
	Times  []time.Time          // the begin of each step, in order
	Series []Series             // at least one
	Format func(float64) string // of a value; nil: whole numbers
}

// The coordinates of the drawing: it is stretched to the width that the page has, and texts stand beside it, not in it.
const (
	wide = 600
	high = 120
)

func (c *Over) check() error {
	if c.ID == "" || strings.Trim(c.ID, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("%w: the id %q is not of small letters, digits and hyphens", ErrChart, c.ID)
	}
	if len(c.Times) > MaxPoints || len(c.Series) == 0 {
		return fmt.Errorf("%w: %d points (at most %d) and %d series (at least one)", ErrChart, len(c.Times), MaxPoints, len(c.Series))
	}
	for _, s := range c.Series {
		if len(s.Values) != len(c.Times) {
			return fmt.Errorf("%w: %q has %d values for %d points", ErrChart, s.Name, len(s.Values), len(c.Times))
		}
	}
	if c.Format == nil {
		c.Format = func(v float64) string { return fmt.Sprintf("%.0f", v) }
	}
	return nil
}

// real tells whether a value can be drawn: neither negative nor more than anything that is counted here.
func real(v float64) bool { return v >= 0 && v <= 1e18 } // NaN is neither

// ceiling is the next of 1, 2, 5, 10, 20, … that is no less than v; 1 for nothing.
func ceiling(v float64) float64 {
	if !real(v) || v <= 1 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, step := range []float64{1, 2, 5} {
		if v <= step*power {
			return step * power
		}
	}
	return 10 * power
}

// axis are the labels beside a drawing.
type axis struct {
	Top, Half, Zero    string
	First, Middle, End string
}

func (c *Over) axis(top float64) axis {
	a := axis{Top: c.Format(top), Half: c.Format(top / 2), Zero: "0"}
	if n := len(c.Times); n > 0 {
		layout := "15:04"
		if c.Times[n-1].Sub(c.Times[0]) > 48*time.Hour {
			layout = "Jan 2"
		}
		a.First, a.Middle, a.End = c.Times[0].UTC().Format(layout), c.Times[n/2].UTC().Format(layout), c.Times[n-1].UTC().Format(layout)
	}
	return a
}

// label is one entry of the legend.
type label struct{ Name, Tone, Text string }

// row is one line of the table behind the picture.
type row struct {
	At     string
	Text   string
	Values []string
}

// table is the same numbers in text, the newest first.
func (c *Over) table() []row {
	rows := make([]row, 0, len(c.Times))
	for i := len(c.Times) - 1; i >= 0; i-- {
		at := c.Times[i].UTC()
		one := row{At: at.Format(time.RFC3339), Text: at.Format("2006-01-02 15:04")}
		for _, s := range c.Series {
			text := "–"
			if real(s.Values[i]) {
				text = c.Format(s.Values[i])
			}
			one.Values = append(one.Values, text)
		}
		rows = append(rows, one)
	}
	return rows
}

// tone keeps class names to the closed list.
func tone(name string) string {
	switch name {
	case "good", "bad", "two", "three":
		return name
	}
	return "one"
}

// drawing is what the template gets.
type drawing struct {
	Over
	Axis    axis
	Rows    []row
	Legend  []label
	Bars    []bars
	Columns []column
	Wide    string // of a column
	Paths   []path
}
