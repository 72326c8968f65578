// Package api is the contract of the operators' plane and what is generated from it: the types of bodies and parameters, a
// client, and the interface that a server must answer. openapi.yaml is the source; nothing here is written twice.
//
// It refuses to guess: a problem is an error of one type with a stable name, a change that waits for a second person is told
// apart from one that was made, and an answer longer than MaxAnswer is none. The attack it answers: a client that sends its token
// to where a redirect leads (the default client follows none).
package api

import _ "embed"

//go:generate -command part go -C ../tools tool oapi-codegen -config
//go:generate part ../api/generate-types.yaml -o ../api/types.gen.go ../api/openapi.yaml
//go:generate part ../api/generate-client.yaml -o ../api/client.gen.go ../api/openapi.yaml
//go:generate part ../api/generate-server.yaml -o ../api/server.gen.go ../api/openapi.yaml

// Contract is openapi.yaml as it was when this was built. Do not change it.
//
//go:embed openapi.yaml
var Contract []byte
