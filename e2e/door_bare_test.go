package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
)

// bareServer is the variable with which this test binary, started again, is a yardstick: a server of the same protocol that
// answers everything alike, decides nothing and records nothing.
const bareServer = "COUNTERSIGN_BARE_SERVER"

// bareFields are what a check lets in with: six headers of the length of ours.
var bareFields = map[string]string{"Countersign-Partner": "ptn_00000000000000000000000000", "Countersign-Credential": "crd_00000000000000000000000000",
	"Countersign-Environment": "sandbox", "Countersign-Api": "card", "Countersign-Request-Id": "00000000000000000000000000000000", "Countersign-Client-Address": "127.0.0.1"}

type bareAuthorization struct{ answer *authv3.CheckResponse }

func (b bareAuthorization) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	return b.answer, nil
}

// serveBare serves until it is killed, and returns the exit code. It prints its address.
func serveBare(kind string) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(listener.Addr())
	if kind == "http" {
		err = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for name, value := range bareFields {
				w.Header()[name] = []string{value}
			}
		}))
	} else {
		ok := &authv3.OkHttpResponse{}
		for name, value := range bareFields {
			ok.Headers = append(ok.Headers, &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: name, Value: value}})
		}
		server := grpc.NewServer()
		authv3.RegisterAuthorizationServer(server, bareAuthorization{&authv3.CheckResponse{HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok}}})
		err = server.Serve(listener)
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}
