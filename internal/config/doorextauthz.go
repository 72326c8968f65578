package config

// DoorEnvoy repeats settings of Envoy's filter that its check requests do not show. What is not said here is taken to be off, which
// refuses more and never less.
type DoorEnvoy struct {
	// WithRequestBody: with_request_body is set, for every route, so that a check request without a body is about a request without
	// one. Default false: signed requests without a body are refused then, unless they state a length of 0.
	WithRequestBody bool `key:"with_request_body"`
	// EncodeRawHeaders: encode_raw_headers is on. Only with DoorExtAuthzHTTP; over gRPC the check request shows it. Default false:
	// headers that count and hold a comma or an exclamation mark are refused then.
	EncodeRawHeaders bool `key:"encode_raw_headers"`
	// ClientCertificates: include_peer_certificate is on, and Envoy has verified every certificate that it hands over. Only with
	// DoorExtAuthz. Default false: no caller has one.
	ClientCertificates bool `key:"client_certificates"`
}

func (d *decoder) doorEnvoy(o *DoorEnvoy) []setting {
	return []setting{
		value("with_request_body", &o.WithRequestBody, truth(), "The filter's `with_request_body` is set, for every route, with `allow_partial_message` off: where a check request has no body, the request has none. Otherwise signed requests without a body pass only where they state a length of 0.").or("false"),
		value("encode_raw_headers", &o.EncodeRawHeaders, truth(), "The filter's `encode_raw_headers` is on. For `ext_authz_http`, where the check request does not show it. Otherwise a header that counts is refused where the filter may have joined or mended it.").or("false"),
		value("client_certificates", &o.ClientCertificates, truth(), "The filter's `include_peer_certificate` is on and Envoy has verified each certificate that it hands over: it counts as if the caller had shown it here. For `ext_authz`.").or("false"),
	}
}

// doorEnvoyRules holds the block to the kinds that it is for.
func (d *decoder) doorEnvoyRules(c *Config, o *Door, path string) {
	at := join(path, "envoy")
	switch {
	case !d.given(at) || o.Kind == "" || o.Envoy == nil:
	case o.Kind == DoorForwardAuth:
		d.at(c, at, "is for the doors that Envoy asks at", "remove it")
	case o.Kind == DoorExtAuthz && o.Envoy.EncodeRawHeaders:
		d.at(c, join(at, "encode_raw_headers"), "has no meaning for "+DoorExtAuthz+": its check requests show it", "remove it")
	case o.Kind == DoorExtAuthzHTTP && o.Envoy.ClientCertificates:
		d.at(c, join(at, "client_certificates"), DoorExtAuthzHTTP+" carries no certificate", "write kind: "+DoorExtAuthz)
	}
}
