package browsertest

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// The questions, asked in the page. Each evaluates to a list of faults in words.
//
//go:embed accessible.js
var questions string

// mostTabs is how many elements of a page are tried with the keyboard.
const mostTabs = 150

// Accessible reports every fault of the page that Faults finds.
func (p *Page) Accessible(t testing.TB) {
	t.Helper()
	for _, fault := range p.Faults() {
		t.Errorf("%s: %s", p.URL(), fault)
	}
}

// Faults asks the page as it stands now whether it keeps to WCAG 2.2 AA: at 1280 and 390 CSS pixels, in the light and the dark
// scheme, and with the keyboard; and whether a short word is torn apart between two lines, or the head of the page ends before
// its edge. It lists each fault once; nil means that none was found. What only a person can judge (whether words are good words)
// is not asked. Afterwards the page looks as before, and the focus is nowhere.
func (p *Page) Faults() []string {
	p.t.Helper()
	width, dark := p.width, p.dark
	defer p.Look(width, dark)
	var faults []string
	add := func(when string, list []string) {
		for _, one := range list {
			if when != "" {
				one += " (" + when + ")"
			}
			if !slices.Contains(faults, one) {
				faults = append(faults, one)
			}
		}
	}
	p.Look(1280, false)
	add("", p.ask("structure"))
	add("", p.ask("targets"))
	add("", p.ask("edges"))
	add("", p.ask("torn"))
	add("light", p.ask("contrast"))
	add("keyboard", p.keyboard())
	p.Look(1280, true)
	add("dark", p.ask("contrast"))
	p.Look(390, true)
	add("dark, 390", p.ask("contrast"))
	p.Look(390, false)
	add("light, 390", p.ask("contrast"))
	add("390", p.ask("width"))
	add("390", p.ask("edges"))
	add("390", p.ask("torn"))
	add("390", p.ask("targets"))
	add("console", p.Complaints())
	return faults
}

// ask evaluates one of the questions.
func (p *Page) ask(name string) []string {
	p.t.Helper()
	var list []string
	p.Eval("(() => { "+questions+"; return "+name+"() })()", &list)
	return list
}

// keyboard presses Tab through the page and asks what was reached, in which order, and what was seen there.
func (p *Page) keyboard() []string {
	p.t.Helper()
	var stops int
	p.Eval("(() => { "+questions+"; return watchFocus() })()", &stops)
	tab := chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: "rawKeyDown", Key: "Tab", Code: "Tab", WindowsVirtualKeyCode: 9})
		return err
	})
	for range min(stops, mostTabs) {
		p.must("press Tab", tab)
	}
	var list []string
	p.Eval(fmt.Sprintf("(() => { %s; return focusFaults(%d) })()", questions, mostTabs), &list)
	return list
}
