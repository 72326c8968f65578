package config

import (
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Tracing is where spans of requests go, by OTLP over HTTP (OpenTelemetry).
type Tracing struct {
	// Endpoint is the whole URL, with its path; http needs a loopback host or Plain. Required.
	Endpoint string `key:"endpoint"`
	// Plain lets Endpoint be http to another host than this one. Default false.
	Plain bool `key:"plain"`
	// Sample is the share of requests that have a span, 0 to 1. Default 0.01.
	Sample float64 `key:"sample"`
	// CAFile holds the authorities (PEM) for the receiver. Empty: the system's.
	CAFile string `key:"ca_file"`
	// HeadersFile holds headers for the receiver, "NAME: VALUE" on a line, mode 0600. It is read again for each batch. Empty: none.
	HeadersFile string `key:"headers_file"`
	// Service is the service.name of spans. Default "countersign".
	Service string `key:"service"`
	// Queue is how many spans may wait; more are dropped and counted. Default 4096.
	Queue int `key:"queue"`
}

func (d *decoder) tracing(t *Tracing) []setting {
	return []setting{
		value("endpoint", &t.Endpoint, collector(), "URL of the receiver, whole, with the path: OTLP over HTTP, protobuf. https, or http to a loopback host.").need().like("http://127.0.0.1:4318/v1/traces"),
		value("plain", &t.Plain, truth(), "Let `endpoint` be http to another host: the network between is trusted. Spans name partners by the ids of their rows and say why requests were refused.").or("false"),
		value("sample", &t.Sample, share(), "Share of requests that have a span, chosen here by chance, whatever a caller's `traceparent` says. Upstreams get a `traceparent` with every request, sampled or not.").or("1%"),
		value("ca_file", &t.CAFile, d.path(), "Certificate authorities (PEM) for the receiver.").told("those of the system").like("/etc/countersign/collector-ca.pem"),
		value("headers_file", &t.HeadersFile, d.path(), "File with headers for the receiver, `NAME: VALUE` on each line, mode 0600: a token, for example. It is read again for each batch.").like("/etc/countersign/collector-headers"),
		value("service", &t.Service, word("name", "write one word"), "The `service.name` of the spans.").or("countersign"),
		value("queue", &t.Queue, count(64, 1_000_000), "How many spans may wait for the receiver, some 300 bytes each. No request waits: what does not fit is dropped and counted.").or("4096"),
	}
}

// collector is the URL of a receiver of spans.
func collector() format[string] {
	return plain("URL", "", "^https?://", func(s string) (string, string, string) {
		u, err := url.Parse(s)
		switch {
		case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Fragment != "" || u.RawQuery != "" || u.ForceQuery:
			return "", "not the URL of a receiver", "for example http://127.0.0.1:4318/v1/traces"
		case u.User != nil:
			return "", "a URL with a user name or password", "credentials do not belong into this file; name a file with headers_file"
		case u.Path == "" || u.Path == "/":
			return "", quote(s) + " has no path", "receivers of OTLP take traces at " + strings.TrimSuffix(s, "/") + "/v1/traces"
		}
		return s, "", ""
	}, same)
}

var shareText = regexp.MustCompile(`^(100|[1-9]?[0-9](\.[0-9]{1,4})?)%$`)

// share is a part of a whole, in percent.
func share() format[float64] {
	return plain("share", "0% to 100%, at most four decimals", shareText.String(), func(s string) (float64, string, string) {
		if !shareText.MatchString(s) {
			return 0, quote(s) + " is not a share", "write a number from 0 to 100 and %, for example 1% or 0.5%"
		}
		v, _ := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64) // as the pattern has it
		return v / 100, "", ""
	}, func(v float64) string { return strconv.FormatFloat(math.Round(v*1e6)/1e4, 'f', -1, 64) + "%" })
}

// tracingRules: what spans say is not for strangers on the way.
func (d *decoder) tracingRules(c *Config) {
	t := c.Tracing
	if t == nil {
		return
	}
	if u, err := url.Parse(t.Endpoint); err == nil && u.Scheme == "http" && !loopbackHost(u.Hostname()) && !t.Plain {
		d.at(c, "tracing.endpoint", quote(t.Endpoint)+" is not https", "add plain: true if the network between is trusted, or send to a collector of this machine")
	}
	if d.given("tracing.ca_file") && strings.HasPrefix(t.Endpoint, "http://") {
		d.at(c, "tracing.ca_file", "the receiver is not asked for a certificate: endpoint is http", "write https, or remove it")
	}
}

// tracing looks at the files of the way to the receiver.
func (k checker) tracing() {
	if t := k.c.Tracing; t != nil {
		k.authorities("tracing.ca_file", t.CAFile)
		if t.HeadersFile != "" {
			k.private("tracing.headers_file", t.HeadersFile, 0o077, "write NAME: VALUE into it, on each line")
		}
	}
}
