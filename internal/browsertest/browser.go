package browsertest

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Patience bounds each step of a browser, for a machine that does much else. Nothing is measured by it.
const Patience = 90 * time.Second

// Browser is one running Chromium. Its pages may be used by one goroutine each; it is closed with its test.
type Browser struct {
	t   testing.TB
	ctx context.Context // of chromedp: it is the browser
}

// Open starts a browser that ends with t. Without Chromium the test is skipped, under CI=true it fails.
func Open(t testing.TB) *Browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is missing")
		}
		t.Skip("chromium is missing")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-gpu", true))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for the browser and its folder
		end()
		stop()
	})
	if err := chromedp.Do(ctx); err != nil { // starts it; a bound on this context would be one on the browser's life
		t.Fatalf("start chromium: %v", err)
	}
	return &Browser{t: t, ctx: ctx}
}

// Page opens a tab of a fresh profile (no cookie of another page) and goes to url, unless that is empty.
func (b *Browser) Page(url string) *Page {
	b.t.Helper()
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	b.t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		b.t.Fatalf("open a page: %v", err)
	}
	p := &Page{t: b.t, ctx: ctx, barriers: map[string]chan struct{}{}}
	messages := chromedp.Console(ctx)
	var listening sync.WaitGroup
	listening.Go(func() { p.listen(messages) })
	b.t.Cleanup(func() { end(); listening.Wait() })
	p.must("enable the network's events", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
		return err
	}))
	p.must("keep the focus, whichever window has it", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	}))
	p.Look(1280, false)
	if url != "" {
		p.Go(url)
	}
	return p
}

// Look makes the page as wide as that many CSS pixels and gives it the light or the dark scheme. Below 600 it is a telephone.
// Movement is reduced, so that nothing is on its way from one look to the other.
func (p *Page) Look(width int, dark bool) {
	p.t.Helper()
	scheme, height := "light", 900
	if dark {
		scheme = "dark"
	}
	if width < 600 {
		height = 844
	}
	p.must("set the look", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: int64(width), Height: int64(height), DeviceScaleFactor: 1, Mobile: width < 600})
		if err != nil {
			return err
		}
		_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		return err
	}))
	p.width, p.dark = width, dark
}

// Scripts switches the scripts of pages that are loaded from now on.
func (p *Page) Scripts(on bool) {
	p.t.Helper()
	p.must("switch scripts", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
		return err
	}))
}
