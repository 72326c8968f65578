package main

import (
	"fmt"
	"html"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The picture, in its own units.
const (
	width, height            = 640, 320
	left, right, top, bottom = 70, 150, 44, 56
)

const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" font-family="system-ui, sans-serif" font-size="12">
<title>%s</title>
<style>
svg { color: #1b1f24; background: #fff }
.grid { stroke: #d0d7de } .line { fill: none; stroke-width: 2 } text { fill: currentColor }
.s0 { stroke: #0550ae; fill: #0550ae } .s1 { stroke: #9a4b00; fill: #9a4b00 } .s2 { stroke: #116329; fill: #116329 } .s3 { stroke: #6e40c9; fill: #6e40c9 }
@media (prefers-color-scheme: dark) {
svg { color: #e6edf3; background: #0d1117 } .grid { stroke: #30363d }
.s0 { stroke: #79c0ff; fill: #79c0ff } .s1 { stroke: #ffa657; fill: #ffa657 } .s2 { stroke: #7ee787; fill: #7ee787 } .s3 { stroke: #d2a8ff; fill: #d2a8ff }
}
</style>
<text x="%d" y="20" font-size="14" font-weight="600">%s</text>
`

// draw is one chart: the numbers on a logarithmic axis, the costs beside a linear one that begins at 0 or, where they differ a
// hundredfold, a logarithmic one too. Every point is written beside its mark.
func draw(title, below string, lines map[string][]point) string {
	x, y := scales(lines)
	var w strings.Builder
	fmt.Fprintf(&w, head, width, height, html.EscapeString(title), left, html.EscapeString(title))
	for _, at := range y.ticks() {
		fmt.Fprintf(&w, `<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, y.place(at), width-right, y.place(at), left-8, y.place(at)+4, number(at))
	}
	for _, at := range x.marks {
		fmt.Fprintf(&w, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x.place(at), height-bottom+18, short(at))
	}
	fmt.Fprintf(&w, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", (left+width-right)/2, height-14, html.EscapeString(below))
	fmt.Fprintf(&w, `<text x="14" y="%d" transform="rotate(-90 14 %d)" text-anchor="middle">microseconds</text>`+"\n", height/2, height/2)
	for i, name := range slices.Sorted(maps.Keys(lines)) {
		w.WriteString(curve(i%4, name, lines, x, y))
	}
	w.WriteString("</svg>\n")
	return w.String()
}

// beside is how far below its mark a text stands: above it, or under it where another line passes above.
func beside(lines map[string][]point, p point) float64 {
	for _, points := range lines {
		if slices.ContainsFunc(points, func(other point) bool { return other.x == p.x && other.y > p.y }) {
			return 15
		}
	}
	return -7
}

// curve is one line with its points and, at its end, its name.
func curve(style int, name string, lines map[string][]point, x, y scale) string {
	points := lines[name]
	var w, path strings.Builder
	for i, p := range points {
		fmt.Fprintf(&path, "%s%.1f %.1f", map[bool]string{true: "M", false: " L"}[i == 0], x.place(p.x), y.place(p.y))
		fmt.Fprintf(&w, `<circle class="s%d" cx="%.1f" cy="%.1f" r="3"><title>%s: %s µs</title></circle>`+"\n", style, x.place(p.x), y.place(p.y), short(p.x), number(p.y))
		at, anchor := x.place(p.x), "middle"
		if i == 0 { // beside the words of the axis
			at, anchor = at+4, "start"
		}
		fmt.Fprintf(&w, `<text x="%.1f" y="%.1f" text-anchor="%s" font-size="10">%s</text>`+"\n", at, y.place(p.y)+beside(lines, p), anchor, number(p.y))
	}
	last := points[len(points)-1]
	fmt.Fprintf(&w, `<path class="line s%d" style="fill:none" d="%s"/><text x="%.1f" y="%.1f">%s</text>`+"\n", style, path.String(), x.place(last.x)+10, y.place(last.y)+beside(lines, last)/2+2, html.EscapeString(name))
	return w.String()
}

// scale maps numbers to places.
type scale struct {
	from, to    float64 // places
	least, most float64
	log         bool
	marks       []float64 // numbers that are written below
}

func scales(lines map[string][]point) (x, y scale) {
	x = scale{from: left, to: width - right, least: math.Inf(1), log: true}
	y = scale{from: height - bottom, to: top}
	smallest := math.Inf(1)
	for _, points := range lines {
		for _, p := range points {
			x.least, x.most = min(x.least, max(p.x, 1)), max(x.most, p.x)
			smallest, y.most = min(smallest, p.y), max(y.most, p.y)
			if !slices.Contains(x.marks, p.x) {
				x.marks = append(x.marks, p.x)
			}
		}
	}
	slices.Sort(x.marks)
	if x.marks[0] == 0 { // it stands where a logarithm has no place for it: one step before the first
		x.least = x.marks[min(1, len(x.marks)-1)] / 8
	}
	if y.log = y.most > 100*smallest; y.log {
		y.least, y.most = math.Pow(10, math.Floor(math.Log10(smallest))), math.Pow(10, math.Ceil(math.Log10(y.most)))
	} else {
		step := math.Pow(10, math.Floor(math.Log10(y.most)))
		y.most = math.Ceil(y.most*1.1/step*2) * step / 2
	}
	return x, y
}

func (s scale) place(v float64) float64 {
	if s.log {
		return s.from + (s.to-s.from)*(math.Log(max(v, s.least))-math.Log(s.least))/max(math.Log(s.most)-math.Log(s.least), 1e-9)
	}
	return s.from + (s.to-s.from)*(v-s.least)/(s.most-s.least)
}

func (s scale) ticks() (all []float64) {
	if s.log {
		for v := s.least; v <= s.most*1.001; v *= 10 {
			all = append(all, v)
		}
		return all
	}
	for i := range 6 {
		all = append(all, s.least+(s.most-s.least)*float64(i)/5)
	}
	return all
}

func number(v float64) string {
	if v >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// short is a number with K or M where it is a round one.
func short(v float64) string {
	switch n := int64(v); {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d Mi", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d Ki", n>>10)
	case n >= 1_000_000 && n%1_000_000 == 0:
		return fmt.Sprintf("%d M", n/1_000_000)
	case n >= 1_000 && n%1_000 == 0:
		return fmt.Sprintf("%d k", n/1_000)
	}
	return number(v)
}
