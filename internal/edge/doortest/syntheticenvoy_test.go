package doortest_test

import (
	"slices"
	"strings"
)

// throughEnvoy does with r what Envoy's connection manager does before any filter sees it, with the settings of deploy/envoy, as far as the
// corpus comes by it (its source: sanitizeConnectionHeader, mutateRequestHeaders). 0: the filters are asked; else Envoy's own answer.
func (r *plainRequest) throughEnvoy() int {
	var connection []string
	for _, f := range r.fields {
		if strings.EqualFold(f[0], "Connection") {
			connection = append(connection, strings.Split(strings.ToLower(f[1]), ",")...)
		}
	}
	var gone []string
	for _, option := range connection {
		switch option = strings.TrimSpace(option); option {
		case "close", "keep-alive", "te", "http2-settings":
		case "upgrade":
			if r.field("Upgrade") != "h2c" {
				return 403 // no upgrade_configs
			}
		case "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "host":
			return 400
		default:
			gone = append(gone, option)
		}
	}
	gone = append(gone, "connection", "upgrade", "http2-settings", "keep-alive", "proxy-connection", "transfer-encoding", "expect")
	r.fields = slices.DeleteFunc(r.fields, func(f [2]string) bool { return slices.Contains(gone, strings.ToLower(f[0])) })
	forwarded := "127.0.0.1" // use_remote_address
	if own := r.field("X-Forwarded-For"); own != "" {
		forwarded = own + "," + forwarded
	}
	r.set("X-Forwarded-For", forwarded)
	r.set("X-Forwarded-Proto", "https")
	return 0
}

// field is the first value of a field; empty: there is none.
func (r *plainRequest) field(name string) string {
	for _, f := range r.fields {
		if strings.EqualFold(f[0], name) {
			return f[1]
		}
	}
	return ""
}

// set puts a field in the place of those of its name.
func (r *plainRequest) set(name, value string) {
	r.fields = slices.DeleteFunc(r.fields, func(f [2]string) bool { return strings.EqualFold(f[0], name) })
	r.fields = append(r.fields, [2]string{name, value})
}
