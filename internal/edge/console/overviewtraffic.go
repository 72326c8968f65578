package console

import (
	"fmt"
	"html/template"
	"math"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/edge/page/chart"
)

// trafficRow is one environment and API in the table of all.
type trafficRow struct {
	api.TrafficSeries
	Name string
	Href string // shows it alone
	All  int64
}

// nameOf is an API's name; requests that reached none have one as well.
func nameOf(s api.TrafficSeries) string {
	if s.API == "" {
		return "no API"
	}
	return s.API
}

func rowOf(s api.TrafficSeries, last string) trafficRow {
	row := trafficRow{TrafficSeries: s, Name: nameOf(s), All: s.Allowed + s.Refused}
	row.Href = page.Link(base+"/", "last", last, "environment", s.Environment, "api", s.API)
	return row
}

// trafficPanel is one environment and API, drawn.
type trafficPanel struct {
	Environment, API          string
	Requests, Latency, Ranked template.HTML
}

// panelOf draws one series; n makes the ids of its parts unique on the page.
func panelOf(n int, s api.TrafficSeries, t api.Traffic) (p trafficPanel, err error) {
	p = trafficPanel{Environment: s.Environment, API: nameOf(s)}
	id := fmt.Sprintf("series-%d", n)
	times := make([]time.Time, len(s.Points))
	values := map[string][]float64{}
	for i, point := range s.Points {
		times[i] = point.At
		values["allowed"] = append(values["allowed"], float64(point.Allowed))
		values["refused"] = append(values["refused"], float64(point.Refused))
		for name, us := range map[string]int64{"p50": point.Latency.P50Us, "p95": point.Latency.P95Us, "p99": point.Latency.P99Us} {
			v := float64(us)
			if point.Allowed == 0 {
				v = math.NaN() // nothing was measured, for refusals are not: a gap, and not a latency of nothing
			}
			values[name] = append(values[name], v)
		}
	}
	if p.Requests, err = chart.Stacked(chart.Over{ID: id + "-requests", Title: "Requests in each " + stepText(&t), Times: times, Format: countText,
		Series: []chart.Series{{Name: "allowed", Tone: "good", Values: values["allowed"]}, {Name: "refused", Tone: "bad", Values: values["refused"]}}}); err != nil {
		return p, err
	}
	if p.Latency, err = chart.Lines(chart.Over{ID: id + "-latency", Title: "Latency", Times: times, Format: microseconds,
		Note: "Of whole requests that were let in: half of them took no longer than " + microseconds(float64(s.Latency.P50Us)) + ", 95 of 100 no longer than " +
			microseconds(float64(s.Latency.P95Us)) + ", 99 of 100 no longer than " + microseconds(float64(s.Latency.P99Us)),
		Series: []chart.Series{{Name: "p50", Tone: "one", Values: values["p50"]}, {Name: "p95", Tone: "two", Values: values["p95"]},
			{Name: "p99", Tone: "three", Values: values["p99"]}}}); err != nil {
		return p, err
	}
	if len(s.Reasons) > 0 {
		p.Ranked, err = chart.Ranked("Refusals by reason", "Reason", "Refused", shares(s), func(n int64) string { return page.Count(n) })
	}
	return p, err
}

// shares are the reasons, each with a link to its decisions.
func shares(s api.TrafficSeries) []chart.Share {
	list := make([]chart.Share, 0, len(s.Reasons))
	for _, one := range s.Reasons {
		list = append(list, chart.Share{Name: one.Reason, Count: one.Count,
			Href: page.Link(base+"/decisions", "environment", s.Environment, "api", s.API, "reason", one.Reason)})
	}
	return list
}

func countText(v float64) string { return page.Count(int64(v)) }

// microseconds is a latency in the unit that fits it, with two or three digits.
func microseconds(us float64) string {
	switch {
	case us < 1000:
		return fmt.Sprintf("%.0f µs", us)
	case us < 10_000:
		return fmt.Sprintf("%.1f ms", us/1000)
	case us < 1_000_000:
		return fmt.Sprintf("%.0f ms", us/1000)
	}
	return fmt.Sprintf("%.1f s", us/1_000_000)
}
