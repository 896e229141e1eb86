package main

// Plots: SVG of our own, because the page needs two kinds of them and no library.

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// plot is a picture: lines over one axis, or bars.
type plot struct {
	file, title string
	x           string // what grows; "": bars
	unit        string // of all values
	zero        bool   // the upward axis is linear and begins at 0; else it is logarithmic
	lines       []line
}

// line is a series of points; of bars each line is one bar with its name.
type line struct {
	name   string
	points [][2]float64 // x, y
}

// plots are all pictures of which there is a report.
func (p page) plots() (list []plot) {
	if r := p["limiters"]; r != nil {
		bars := plot{file: "limiters.svg", title: "Calls a second, 64 callers on 100 keys", unit: "/s"}
		for _, row := range r.Rows {
			for _, f := range row.Figures {
				if f.Name == "asked" {
					bars.lines = append(bars.lines, line{row.What, [][2]float64{{0, f.Value}}})
				}
			}
		}
		list = append(list, bars)
	}
	bars := plot{file: ingestPlot, title: "Durable events a second", unit: "ev/s", zero: true}
	for _, from := range []struct {
		name string
		ref  ref
	}{
		{"weir, embedded, 1,000 tenants", ingest1000}, {"weir, embedded, 10,000 tenants", ref{"ingest", `^10000 tenants `, "acknowledged"}},
		{"weir, HTTP, batches of 1,000", ref{"ingest-http", `.`, "acknowledged"}}, {"Redis design, fsync always", redisAlways},
		{"Redis design, fsync everysec", ref{"redis", `^appendfsync everysec`, "acknowledged"}},
	} {
		if f, ok := p.find(from.ref); ok {
			bars.lines = append(bars.lines, line{from.name, [][2]float64{{0, f.Value}}})
		}
	}
	if len(bars.lines) > 0 {
		list = append(list, bars)
	}
	if r := p["scale"]; r != nil {
		for _, axis := range []string{"tenants", "events", "values"} {
			list = append(list,
				r.over(axis, plot{file: "scale-" + axis + "-rate.svg", title: "Events a second", unit: "ev/s", zero: true}, "acknowledged"),
				r.over(axis, plot{file: "scale-" + axis + "-questions.svg", title: "Time", unit: "ns"},
					"30 days by the hour", "the same by the dimension", "per counter read", "restart"),
				r.over(axis, plot{file: "scale-" + axis + "-memory.svg", title: "Resident memory", unit: "B", zero: true}, "resident, highest"))
		}
	}
	return slices.DeleteFunc(list, func(p plot) bool { return len(p.lines) == 0 })
}

// over fills a plot with figures of the rows of an axis.
func (r *report) over(axis string, p plot, names ...string) plot {
	p.x = map[string]string{"tenants": "tenants", "events": "events", "values": "values of the dimension"}[axis]
	for _, name := range names {
		l := line{name: name}
		for _, row := range r.Rows {
			if !strings.HasPrefix(row.What, "by "+axis+":") {
				continue
			}
			for _, f := range row.Figures {
				if f.Name == name {
					l.points = append(l.points, [2]float64{row.Figures[0].Value, f.Value})
				}
			}
		}
		if len(l.points) > 0 {
			p.lines = append(p.lines, l)
		}
	}
	return p
}

// ingestPlot stands beside the goals of ingest.
const ingestPlot = "ingest.svg"

const (
	plotWidth, plotHeight                  = 480, 280
	plotLeft, plotRight, plotTop, plotBase = 70, 16, 34, 216
	barHeight                              = 26
)

// colours tell lines apart on a light and on a dark page.
var colours = [...]string{"#2f7ed8", "#e4572e", "#17a398", "#b07aa1"}

func (p plot) svg() []byte {
	if p.x == "" {
		return p.bars()
	}
	return p.curves()
}

// open begins the picture. The ground is its own, so that it is read on every page.
func (p plot) open(b *bytes.Buffer, height int) {
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="11" role="img">`,
		plotWidth, height, plotWidth, height)
	fmt.Fprintf(b, "\n<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", html.EscapeString(p.title))
	fmt.Fprintf(b, `<text x="12" y="20" font-size="13" font-weight="bold" fill="#222">%s</text>`+"\n", html.EscapeString(p.title))
}

// bars draws one bar a line. Rivals are orders of magnitude apart, so that the scale may be logarithmic.
func (p plot) bars() []byte {
	var b bytes.Buffer
	p.open(&b, plotTop+barHeight*len(p.lines)+8)
	least, most := p.span()
	const left = 270
	for i, l := range p.lines {
		value := l.points[0][1]
		part := value / most
		if !p.zero { // from a tenth of the least on
			part = math.Log10(10*value/least) / math.Log10(10*most/least)
		}
		y := plotTop + i*barHeight
		colour := colours[1]
		if strings.HasPrefix(l.name, "weir") {
			colour = colours[0]
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#222">%s</text>`, left-8, y+16, html.EscapeString(shortName(l.name)))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`, left, y+4, max(1, part*(plotWidth-left-80)), barHeight-8, colour)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" fill="#222">%s</text>`+"\n", left+part*(plotWidth-left-80)+6, y+16, human(value, p.unit))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// shortName fits beside a bar.
func shortName(name string) string {
	name, _, _ = strings.Cut(name, ":")
	if r := []rune(name); len(r) > 48 {
		return string(r[:47]) + "…"
	}
	return name
}

// span is the least and the greatest value.
func (p plot) span() (least, most float64) {
	least, most = math.Inf(1), 0
	for _, l := range p.lines {
		for _, xy := range l.points {
			least, most = min(least, xy[1]), max(most, xy[1])
		}
	}
	return least, most
}

// curves draws lines over a logarithmic axis.
func (p plot) curves() []byte {
	var b bytes.Buffer
	p.open(&b, plotHeight)
	least, most := p.span()
	low, high := math.Floor(math.Log10(max(least, 1e-9))), math.Ceil(math.Log10(max(most, 1e-9)))
	first, last := math.Inf(1), 0.0
	for _, l := range p.lines {
		for _, xy := range l.points {
			first, last = min(first, xy[0]), max(last, xy[0])
		}
	}
	x := func(v float64) float64 {
		if first >= last {
			return plotLeft
		}
		return plotLeft + (plotWidth-plotLeft-plotRight)*math.Log10(v/first)/math.Log10(last/first)
	}
	y := func(v float64) float64 {
		part := v / (1.1 * most)
		if !p.zero {
			part = (math.Log10(v) - low) / max(1, high-low)
		}
		return plotBase - (plotBase-plotTop)*part
	}
	marks := []float64{0, most / 2, most}
	if !p.zero {
		marks = nil
		for e := low; e <= high; e++ {
			marks = append(marks, math.Pow(10, e))
		}
	}
	for _, v := range marks {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end" fill="#555">%s</text>`+"\n",
			plotLeft, y(v), plotWidth-plotRight, plotLeft-6, y(v)+4, human(v, p.unit))
	}
	for v := math.Pow(10, math.Ceil(math.Log10(first)-1e-9)); v <= last*1.001; v *= 10 {
		anchor := "middle"
		if v*10 > last*1.001 { // it would leave the frame
			anchor = "end"
		}
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="%s" fill="#555">%s</text>`+"\n", x(v), plotBase+16, anchor, human(v, ""))
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#555">%s</text>`+"\n", plotWidth-plotRight, plotBase+30, html.EscapeString(p.x))
	for i, l := range p.lines {
		var path strings.Builder
		for n, xy := range l.points {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(n, 1)], x(xy[0]), y(xy[1]))
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x(xy[0]), y(xy[1]), colours[i%len(colours)])
		}
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="2"/>`, path.String(), colours[i%len(colours)])
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", 12+(i%2)*230, plotBase+44+16*(i/2), colours[i%len(colours)], html.EscapeString(l.name))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
