package main

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"countersign.dev/profile"
)

// TestProfileNewAsks: an empty answer takes what is proposed, another one stands, and the end of the input is no error.
func TestProfileNewAsks(t *testing.T) {
	o := &newProfileOptions{name: "asked"}
	answers := bufio.NewReader(strings.NewReader("A \"title\" is checked later\n\n" + "hmac-sha512\r\n"))
	var out bytes.Buffer
	for _, q := range o.questions() {
		*q.into = q.fallback
		if err := o.prompt(&out, answers, q); err != nil {
			t.Fatal(err)
		}
	}
	if o.algorithm != "hmac-sha512" || o.source != "our own design" || o.signatureHeader != "X-Signature" || !strings.Contains(out.String(), "algorithm (hmac-sha1, hmac-sha256, hmac-sha384, hmac-sha512) [hmac-sha256]: ") {
		t.Errorf("%+v\n%s", o, out.String())
	}
	if err := (&profileQuestion{flag: "title", into: &o.title}).check(); err == nil {
		t.Error("a quotation mark is taken")
	}
}

// TestProfileNewWritesWhatParses: every choice gives a file that compiles, or an error with a place.
func TestProfileNewWritesWhatParses(t *testing.T) {
	made := 0
	for _, body := range []string{"raw", "sha256", "sha512"} {
		for _, separator := range []string{`\n`, ".", "'", `\\`, ""} {
			for _, parts := range []string{"ts, method, target, body", "key_id ts nonce method path query body", "body", "ts,body,h.content-type"} {
				for _, webhook := range []bool{false, true} {
					o := &newProfileOptions{name: "made", title: "T", source: "S", algorithm: "hmac-sha256", parts: parts, separator: separator, body: body, secret: "hex", signature: "base64url",
						keyHeader: "X-Key", timeHeader: "X-Time", timeFormat: "unix", window: "300s", signatureHeader: "X-Sig", webhook: webhook}
					if strings.Contains(parts, "nonce") {
						o.nonceHeader = "X-Nonce"
					}
					_, err := profile.Parse("made.yaml", o.file())
					if err == nil {
						made++
					} else if _, placed := err.(*profile.Error); !placed || strings.Contains(err.Error(), "YAML") {
						t.Errorf("%+v: %v\n%s", o, err, o.file())
					}
				}
			}
		}
	}
	if made < 40 {
		t.Errorf("only %d files compile", made)
	}
}
