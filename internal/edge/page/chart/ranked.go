package chart

import (
	"html/template"
	"strconv"
	"strings"
)

// Share is one line of a ranked list. Href is made by the caller; "" is no link.
type Share struct {
	Name  string
	Note  string // what the name stands for; "" for nothing
	Href  string
	Count int64
}

// ranked is what the template gets.
type ranked struct {
	Title, Name, What string
	Rows              []rankedRow
}

type rankedRow struct {
	Share
	Pieces      []string // of the name: where it is too long for its column it breaks between them, and nowhere else
	Width, Part string
	Number      string
}

// Ranked is a table of names with their counts, each with a bar as long as its part of the greatest one. title is the caption,
// name the heading of the first column, what that of the counts; format writes a count (nil: digits). Errors wrap ErrChart.
func Ranked(title, name, what string, rows []Share, format func(int64) string) (template.HTML, error) {
	if format == nil {
		format = func(n int64) string { return strconv.FormatInt(n, 10) }
	}
	var sum, most int64
	for _, r := range rows {
		sum, most = sum+max(r.Count, 0), max(most, r.Count)
	}
	d := ranked{Title: title, Name: name, What: what}
	for _, r := range rows {
		one := rankedRow{Share: r, Pieces: pieces(r.Name), Width: "0", Part: "0 %", Number: format(r.Count)}
		if r.Count > 0 {
			one.Width = coordinate(max(float64(r.Count)/float64(most)*100, 1))
			one.Part = strconv.FormatFloat(float64(r.Count)/float64(sum)*100, 'f', 1, 64) + " %"
		}
		d.Rows = append(d.Rows, one)
	}
	return writePicture("ranked", d)
}

// pieces cuts a name behind each of its underscores and slashes.
func pieces(name string) (list []string) {
	for name != "" {
		i := strings.IndexAny(name, "_/") + 1
		if i == 0 {
			i = len(name)
		}
		list, name = append(list, name[:i]), name[i:]
	}
	return list
}
