package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/config"
	"countersign.dev/internal/partner"
	"github.com/spf13/cobra"
)

// maxCertificate bounds a certificate's file.
const maxCertificate = 1 << 20

// keyOptions name TLS client keys.
type keyOptions struct {
	files, digests []string
}

func (k *keyOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVar(&k.files, "client-certificate", nil, "`FILE` (PEM) of the partner's client certificate; may be repeated")
	f.StringArrayVar(&k.digests, "client-key", nil, "`HEX` of the SHA-256 of a certificate's public key (SubjectPublicKeyInfo); may be repeated")
	_ = c.MarkFlagFilename("client-certificate", "pem", "crt", "cer")
}

// read returns the digests of all keys that were named.
func (k *keyOptions) read() ([]string, error) {
	var keys []string
	for _, digest := range k.digests {
		digest = strings.ToLower(digest)
		if raw, err := hex.DecodeString(digest); err != nil || len(raw) != sha256.Size {
			return nil, hinted{fmt.Errorf("--client-key %s: not 64 hex digits", digest), "give the certificate with --client-certificate, and its digest is computed here"}
		}
		keys = append(keys, digest)
	}
	for _, file := range k.files {
		key, err := certificateKey(file)
		if err != nil {
			return nil, fmt.Errorf("--client-certificate %s: %w", file, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// certificateKey is the digest of the public key in the first certificate of a PEM file. The chain behind it is not looked at:
// the listener's authorities decide on that. A file that holds a private key is refused, since it does not belong here.
func certificateKey(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCertificate+1))
	if err != nil || len(text) > maxCertificate {
		return "", errors.Join(errors.New("cannot be read, or has more than 1 MiB"), err)
	}
	defer clear(text)
	var leaf *x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if strings.Contains(block.Type, "PRIVATE KEY") {
			return "", hinted{errors.New("the file holds a private key"), "ask the partner for the certificate alone, and to make a new key"}
		}
		if block.Type != "CERTIFICATE" || leaf != nil {
			continue
		}
		if leaf, err = x509.ParseCertificate(block.Bytes); err != nil {
			return "", fmt.Errorf("not a certificate: %w", err)
		}
	}
	if leaf == nil {
		return "", hinted{errors.New("no certificate in it"), "PEM is expected: -----BEGIN CERTIFICATE-----"}
	}
	digest := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(digest[:]), nil
}

func newCredentialBind(o *operator) *cobra.Command {
	k := new(keyOptions)
	c := &cobra.Command{
		Use:   "bind CREDENTIAL --client-certificate FILE",
		Short: "Let a credential count only over TLS with the partner's client key",
		Long: fmt.Sprintf(`Bind a credential to a TLS client key, in addition to those that it is bound to already, so that keys can overlap: at most %d
at once. What counts is the key, so that a certificate that is renewed with its key needs no change. The API must not have
client_certificate: off.

`, partner.MaxClientKeys) + credentialHelp,
		Example:           "  countersign credential bind crd_... --client-certificate partner.pem --wait",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCredential(o),
		RunE: func(c *cobra.Command, args []string) error {
			keys, err := k.read()
			if err != nil {
				return err
			}
			if len(keys) == 0 {
				return hinted{errors.New("which key?"), "name it with --client-certificate or --client-key"}
			}
			return o.change(c, func(s *session) error {
				if err := s.bind(args[0], func(present []string) []string { return append(present, keys...) }); err != nil {
					return err
				}
				return s.warnUnasked(args[0])
			})
		},
	}
	k.flags(c)
	return o.changing(c)
}

func newCredentialUnbind(o *operator) *cobra.Command {
	k, all := new(keyOptions), false
	c := &cobra.Command{
		Use:   "unbind CREDENTIAL --client-key HEX | --all",
		Short: "End the binding to a TLS client key",
		Long: `End the binding to one TLS client key, or to all with --all: then the credential counts over any connection, unless its API
requires a client certificate.

` + credentialHelp,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCredential(o),
		RunE: func(c *cobra.Command, args []string) error {
			keys, err := k.read()
			if err != nil {
				return err
			}
			if (len(keys) == 0) != all {
				return hinted{errors.New("which key?"), "name it with --client-certificate or --client-key, or give --all alone"}
			}
			return o.change(c, func(s *session) error {
				return s.bind(args[0], func(present []string) []string {
					return slices.DeleteFunc(present, func(key string) bool { return all || slices.Contains(keys, key) })
				})
			})
		},
	}
	k.flags(c)
	c.Flags().BoolVar(&all, "all", false, "every key")
	return o.changing(c)
}

// warnUnasked notes where a binding can never be kept: no listener of the environment asks callers for a certificate, as far as a
// configuration is known, so that every call of the credential is refused.
func (s *session) warnUnasked(who string) error {
	found, _, err := s.credential(who)
	if err != nil || s.at.config == nil {
		return err
	}
	environment := s.at.config.Environment(found.Environment)
	if environment == nil || slices.ContainsFunc(environment.Listeners, func(l config.Listener) bool { return l.ClientCertificates != nil }) {
		return nil
	}
	s.out.note("no listener of %s asks for client certificates: until one has client_certificates, every call with this credential is refused", found.Environment)
	return nil
}

// bind exchanges the keys of a credential.
func (s *session) bind(who string, change func(present []string) []string) error {
	found, p, err := s.credential(who)
	if err != nil {
		return err
	}
	keys := change(slices.Clone(found.ClientKeys))
	if len(keys) == len(found.ClientKeys) {
		return hinted{fmt.Errorf("credential %s is not bound to this key", found.ID), "countersign credential show tells the keys"}
	}
	slices.Sort(keys)
	if err := s.BindClientKeys(s.ctx, s.actor, found.ID, slices.Compact(keys)); err != nil {
		return err
	}
	found, _, err = s.credential(found.ID)
	if err != nil {
		return err
	}
	return s.showCredential(found, p, api.Schedule{})
}
