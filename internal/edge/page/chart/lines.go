package chart

import (
	"html/template"
	"strings"
)

// path is one line of a drawing, or the points of one that stand alone.
type path struct {
	D, Tone, Name string
	Dots          bool
}

// Lines draws a line for each series, each with its own dashes, and the table behind them. A value that cannot be drawn is a
// gap in its line. Errors wrap ErrChart.
func Lines(c Over) (template.HTML, error) {
	if err := c.check(); err != nil {
		return "", err
	}
	most := 0.0
	for _, s := range c.Series {
		for _, v := range s.Values {
			if real(v) {
				most = max(most, v)
			}
		}
	}
	top := ceiling(most)
	d := drawing{Over: c, Rows: c.table(), Axis: c.axis(top)}
	for _, s := range c.Series {
		line, dots := c.line(s, top)
		if line != "" {
			d.Paths = append(d.Paths, path{line, tone(s.Tone), s.Name, false})
		}
		if dots != "" {
			d.Paths = append(d.Paths, path{dots, tone(s.Tone), s.Name, true})
		}
		last := "–"
		for _, v := range s.Values {
			if real(v) {
				last = "last " + c.Format(v)
			}
		}
		d.Legend = append(d.Legend, label{s.Name, tone(s.Tone), last})
	}
	return writePicture("lines", d)
}

// line is the path of one series, and apart from it the points that have no neighbour: lines of no length, whose round ends are
// dots.
func (c *Over) line(s Series, top float64) (line, dots string) {
	step := float64(wide) / float64(len(c.Times))
	there := func(i int) bool { return i >= 0 && i < len(s.Values) && real(s.Values[i]) }
	var lines, alone strings.Builder
	for i, v := range s.Values {
		if !real(v) {
			continue
		}
		at := coordinate((float64(i)+.5)*step) + " " + coordinate(high-v/top*high)
		switch {
		case there(i - 1):
			lines.WriteString("L" + at)
		case there(i + 1):
			lines.WriteString("M" + at)
		default:
			alone.WriteString("M" + at + "h0")
		}
	}
	return lines.String(), alone.String()
}
