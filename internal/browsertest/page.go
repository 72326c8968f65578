package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// Page is one tab. Every step that does not succeed within Patience ends the test.
type Page struct {
	t     testing.TB
	ctx   context.Context
	width int
	dark  bool

	mu       sync.Mutex
	heard    []chromedp.ConsoleMessage
	barriers map[string]chan struct{}
	marks    int
}

// must runs one step.
func (p *Page) must(what string, step chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	if err := chromedp.Do(ctx, step); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

// Go loads a page and waits until it and its scripts are there. It returns the status of the answer.
func (p *Page) Go(url string) int {
	p.t.Helper()
	p.forget()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, chromedp.NavigateResponse(url))
	if err != nil {
		p.t.Fatalf("go to %s: %v", url, err)
	}
	if answer == nil { // the same document
		return 0
	}
	return int(answer.Status)
}

// Follow does what leads to another page (a click, a key) and waits until that is there. It returns its status.
func (p *Page) Follow(step chromedp.Action[chromedp.Void]) int {
	p.t.Helper()
	p.forget()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	answer, err := chromedp.RunResponse(ctx, step)
	if err != nil {
		p.t.Fatalf("follow from %s: %v", p.URL(), err)
	}
	if answer == nil {
		return 0
	}
	return int(answer.Status)
}

// Click clicks the first element that the CSS selector finds.
func (p *Page) Click(selector string) { p.t.Helper(); p.must("click "+selector, click(selector)) }

// Submit clicks what the selector finds and waits for the page that it leads to; the status of that is returned.
func (p *Page) Submit(selector string) int { p.t.Helper(); return p.Follow(click(selector)) }

func click(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(selector))
}

// Type writes text into the field that the selector finds, in the place of what is there.
func (p *Page) Type(selector, text string) {
	p.t.Helper()
	var found bool
	p.Eval(fmt.Sprintf(`(() => { const e = document.querySelector(%s); if (!e) return false; e.focus(); e.select?.(); return true })()`, quote(selector)), &found)
	if !found {
		p.t.Fatalf("there is no field %s on %s", selector, p.URL())
	}
	p.must("type", chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Eval evaluates an expression in the page; into is a pointer for its value as JSON. A promise is waited for.
func (p *Page) Eval(expression string, into any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	told := "Promise.resolve(" + expression + ").then((v) => JSON.stringify(v === undefined ? null : v))"
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](told, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("evaluate %.200s: %v", expression, err)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		p.t.Fatalf("evaluate %.200s: %v", expression, err)
	}
}

// Until waits until the expression is true in the page. The page tells; nothing is polled by the clock of the test.
func (p *Page) Until(expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool]("!!("+expression+")", chromedp.WithPollingTimeout(Patience))); err != nil {
		p.t.Fatalf("%s on %s: %v\n%s", expression, p.URL(), err, p.Text("body"))
	}
}

// Text is what the first element that the selector finds shows; "" if there is none.
func (p *Page) Text(selector string) string {
	p.t.Helper()
	var text string
	p.Eval(fmt.Sprintf(`document.querySelector(%s)?.innerText ?? ""`, quote(selector)), &text)
	return text
}

// URL is where the page is.
func (p *Page) URL() string {
	p.t.Helper()
	var url string
	p.Eval("location.href", &url)
	return url
}

func quote(text string) string {
	b, _ := json.Marshal(text) // a string always can
	return string(b)
}

// forget lets go of what former pages said.
func (p *Page) forget() {
	p.settle()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = nil
}

// listen keeps what the page's console says.
func (p *Page) listen(messages iter.Seq2[chromedp.ConsoleMessage, error]) {
	for m, err := range messages {
		if err != nil {
			return
		}
		p.mu.Lock()
		if mark := p.barriers[m.Text]; mark != nil {
			close(mark)
			delete(p.barriers, m.Text)
		} else {
			p.heard = append(p.heard, m)
		}
		p.mu.Unlock()
	}
}

// settle returns when all that the page has said so far was heard: it has the page say something last.
func (p *Page) settle() {
	p.t.Helper()
	p.mu.Lock()
	p.marks++
	text, mark := fmt.Sprintf("browsertest-mark-%d", p.marks), make(chan struct{})
	p.barriers[text] = mark
	p.mu.Unlock()
	var none any
	p.Eval("console.debug("+quote(text)+")", &none)
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	select {
	case <-mark:
	case <-ctx.Done():
		p.t.Fatal("the console is silent")
	}
}

// Complaints are the errors that the page's scripts, its loading and its content security policy gave since it was opened.
func (p *Page) Complaints() []string {
	p.t.Helper()
	p.settle()
	here := p.URL()
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []string
	for _, m := range p.heard {
		bad := m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleException || m.Source == "security" || m.Source == "violation"
		// The status of the page itself is no fault of the page: a refused form is 422.
		if bad && !(m.Source == "network" && (m.URL == here || strings.HasPrefix(m.Text, "Failed to load resource") && m.URL == "")) {
			list = append(list, m.String()+" "+m.URL)
		}
	}
	return list
}
