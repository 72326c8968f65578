package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"countersign.dev/internal/partner"
)

// The headers of a signed call (Standard Webhooks, "Webhook headers"), as net/http spells them.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// sign sets the three headers: HMAC-SHA256 over id, time and body with every live key, newest first, so that a rotation can
// overlap (Standard Webhooks, "Signature scheme" and "Secret rotation").
func sign(header http.Header, keys []partner.TargetKey, id string, at time.Time, body []byte) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, 0, len(keys))
	for _, k := range keys {
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac(k, id, ".", stamp, ".", string(body))))
	}
	header[headerID] = []string{id}
	header[headerTimestamp] = []string{stamp}
	header[headerSignature] = []string{strings.Join(signatures, " ")}
}

func mac(k partner.TargetKey, parts ...string) []byte {
	h := hmac.New(sha256.New, k.Secret.Bytes())
	for _, part := range parts {
		_, _ = h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// proofLabel keeps what a proof is computed over apart from everything that is signed.
const proofLabel = "verify:"

// Proof is what an endpoint answers to a challenge: the lower-case hex of HMAC-SHA256 with its signing key over "verify:" and the
// lower-case hex of SHA-256 of the challenge. What a webhook signature covers has two dots in it and this has none, so that
// an endpoint which answers challenges of strangers never signs a webhook for them, and a service that sends back what it got,
// headers included, never proves anything. Record 36 tells it in full.
func Proof(k partner.TargetKey, challenge string) string {
	sum := sha256.Sum256([]byte(challenge))
	return hex.EncodeToString(mac(k, proofLabel, hex.EncodeToString(sum[:])))
}
