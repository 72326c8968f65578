package upstream_test

import (
	"net/url"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/upstream"
)

func TestConfigIsChecked(t *testing.T) {
	at := func(s string) *url.URL {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	refuse := map[string]upstream.Config{
		"no URL":          {},
		"no scheme":       {URL: at("//host")},
		"other scheme":    {URL: at("ftp://host")},
		"no host":         {URL: at("http://")},
		"port only":       {URL: at("http://:80")},
		"path":            {URL: at("http://host/api")},
		"slash":           {URL: at("http://host/")},
		"query":           {URL: at("http://host?a")},
		"empty query":     {URL: at("http://host?")},
		"fragment":        {URL: at("http://host#a")},
		"user":            {URL: at("http://user:secret@host")},
		"opaque":          {URL: at("http:host")},
		"host with CRLF":  {URL: &url.URL{Scheme: "http", Host: "a\r\nb"}},
		"negative time":   {URL: at("http://host"), Timeout: -time.Second},
		"negative count":  {URL: at("http://host"), MaxConns: -1},
		"unbounded heads": {URL: at("http://host"), MaxHeaderBytes: 1 << 30},
	}
	for name, cfg := range refuse {
		if d, err := upstream.New(cfg); err == nil || d != nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, s := range []string{"http://host", "https://host:8443", "http://127.0.0.1:1", "http://[::1]:80"} {
		if _, err := upstream.New(upstream.Config{URL: at(s)}); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
}
