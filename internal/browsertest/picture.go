package browsertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// PicturesTo is the environment variable that names a folder for Screenshot; without it no picture is made.
const PicturesTo = "COUNTERSIGN_PICTURES"

// Screenshot keeps a picture of the whole page at a width and in a scheme, as NAME-WIDTH-light.png in the folder of PicturesTo.
// Afterwards the page looks as before.
func (p *Page) Screenshot(name string, width int, dark bool) {
	p.t.Helper()
	dir := os.Getenv(PicturesTo)
	if dir == "" {
		return
	}
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	p.Picture(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), width, dark)
}

// Picture writes a picture of the whole page to a file.
func (p *Page) Picture(file string, width int, dark bool) {
	p.t.Helper()
	p.Top(file, width, dark, 6000)
}

// Top writes a picture of the page to a file, and no more than so many pixels of its height.
func (p *Page) Top(file string, width int, dark bool, tallest int) {
	p.t.Helper()
	formerWidth, formerDark := p.width, p.dark
	p.Look(width, dark)
	defer p.Look(formerWidth, formerDark)
	var size struct{ Width, Height float64 }
	p.Eval(fmt.Sprintf(`({Width: document.documentElement.clientWidth, Height: Math.min(document.documentElement.scrollHeight, %d)})`,
		tallest), &size)
	whole := true
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	answer, err := chromedp.Call(ctx, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{CaptureBeyondViewport: &whole,
		Clip: &cdppage.Viewport{Width: float64(width), Height: max(size.Height, 300), Scale: 1}})
	if err != nil {
		p.t.Fatalf("take a picture: %v", err)
	}
	if err := os.WriteFile(file, answer.Data, 0o644); err != nil {
		p.t.Fatalf("keep a picture: %v", err)
	}
}

// Authenticator gives the page a passkey device that agrees to everything: CTAP2, inside the device, with user verification.
func (p *Page) Authenticator() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	_, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{})
	if err == nil {
		_, err = chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{Protocol: "ctap2", Transport: "internal", HasResidentKey: true,
				HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}})
	}
	if err != nil {
		p.t.Fatalf("add an authenticator: %v", err)
	}
}
