package client_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"

	"countersign.dev/client"
	"countersign.dev/profile/library"
)

// Every request through this http.Client is signed.
func ExampleNew() {
	scheme, err := library.Load("finci")
	if err != nil {
		log.Fatal(err)
	}
	transport, err := client.New(client.Config{
		Scheme: scheme,
		KeyID:  os.Getenv("API_TOKEN"),
		Secret: []byte(os.Getenv("API_SECRET")),
		Hosts:  []string{"api.example.com"},
	})
	if err != nil {
		log.Fatal(err)
	}
	api := &http.Client{Transport: transport}
	resp, err := api.Post("https://api.example.com/api/v1/cards", "application/json", strings.NewReader(`{"product":"gold"}`))
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(os.Stdout, resp.Body)
}

// Every request through this http.Client has the app key and a fresh access token.
func ExampleNewToken() {
	transport, err := client.NewToken(client.TokenConfig{
		Endpoint:  "https://api.example.com/aggregation/v2/partners/authentication",
		AppKey:    os.Getenv("APP_KEY"),
		PartnerID: os.Getenv("PARTNER_ID"),
		Secret:    []byte(os.Getenv("PARTNER_SECRET")),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer transport.Close()
	api := &http.Client{Transport: transport}
	resp, err := api.Get("https://api.example.com/aggregation/v1/customers")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(os.Stdout, resp.Body)
}

// Only webhooks with a good signature reach the handler. While the sender rotates its secret, return both.
func ExampleVerify() {
	scheme, err := library.Load("countersign-v1")
	if err != nil {
		log.Fatal(err)
	}
	verify, err := client.Verify(client.VerifyConfig{
		Scheme: scheme,
		Secrets: func(_ context.Context, keyID string) ([][]byte, error) {
			if keyID != os.Getenv("SENDER") {
				return nil, nil
			}
			return [][]byte{[]byte(os.Getenv("SECRET"))}, nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("POST /webhook", verify(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%d good bytes from %s\n", len(body), client.KeyID(r.Context()))
	})))
}
