package chart

import (
	"html/template"
	"strconv"
	"strings"
	"time"
)

// bars are all rectangles of one series, as one path: a chart has hundreds of them.
type bars struct{ D, Tone string }

// column is the place of one point in time; what a pointer over it is told stands in Text.
type column struct{ X, Text string }

// Stacked draws bars that stand on each other, one for each point in time, and the table behind them. Errors wrap ErrChart.
func Stacked(c Over) (template.HTML, error) {
	if err := c.check(); err != nil {
		return "", err
	}
	d := drawing{Over: c, Rows: c.table()}
	most := 0.0
	for i := range c.Times {
		sum := 0.0
		for _, s := range c.Series {
			if real(s.Values[i]) {
				sum += s.Values[i]
			}
		}
		most = max(most, sum)
	}
	top := ceiling(most)
	d.Axis = c.axis(top)
	d.Bars, d.Wide = c.stack(top), coordinate(wide/float64(max(1, len(c.Times))))
	for i, at := range c.Times {
		d.Columns = append(d.Columns, column{coordinate(float64(i) * wide / float64(len(c.Times))), c.told(i, at)})
	}
	for _, s := range c.Series {
		sum := 0.0
		for _, v := range s.Values {
			if real(v) {
				sum += v
			}
		}
		d.Legend = append(d.Legend, label{s.Name, tone(s.Tone), c.Format(sum)})
	}
	return writePicture("stacked", d)
}

// told is one point in time in words.
func (c *Over) told(i int, at time.Time) string {
	text := at.UTC().Format("2006-01-02 15:04") + " UTC"
	for _, s := range c.Series {
		if real(s.Values[i]) {
			text += ", " + s.Name + " " + c.Format(s.Values[i])
		}
	}
	return text
}

// stack is the rectangles of each series, from the ground up.
func (c *Over) stack(top float64) []bars {
	list := make([]bars, len(c.Series))
	ground := make([]float64, len(c.Times))
	for n, s := range c.Series {
		var d strings.Builder
		for i, v := range s.Values {
			if !real(v) || v == 0 {
				continue
			}
			height := min(max(v/top*high, 1.5), high-ground[i]) // one refusal among millions is seen as well
			step := float64(wide) / float64(len(c.Times))
			ground[i] += height
			d.WriteString("M" + coordinate((float64(i)+.1)*step) + " " + coordinate(high-ground[i]) + "h" + coordinate(step*.8) +
				"v" + coordinate(height) + "h-" + coordinate(step*.8) + "z")
		}
		list[n] = bars{d.String(), tone(s.Tone)}
	}
	return list
}

func coordinate(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }
