package tester

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// Shell is a program for sh and openssl that prints the signature of these very bytes, for whoever has no script in the
// browser. The secret comes from the environment, and is on no command line, where other users of a machine could read it.
// Empty: there is no plan, or one with steps that sh cannot take.
func (c *Call) Shell() string {
	if c.Plan == nil {
		return ""
	}
	key, ok := shellStep(&c.Plan.Key)
	text, also := shellStep(&c.Plan.Signature)
	if !ok || !also {
		return ""
	}
	return fmt.Sprintf(`#!/bin/sh
# Prints the signature of one request. Usage: API_SECRET=... sh sign.sh
set -eu
: "${API_SECRET:?set API_SECRET}"

input() { # the canonical input, byte for byte
    openssl base64 -d -A <<'END'
%s
END
}

hex() { od -An -v -tx1 | tr -d ' \n'; }

# unhex_each HEX N: the bytes of HEX, each xor N.
unhex_each() {
    rest=$1
    while [ -n "$rest" ]; do
        tail=${rest#??}
        printf "\\$(printf %%03o $((0x${rest%%"$tail"} ^ $2)))"
        rest=$tail
    done
}

# hmac HASH BLOCK KEY: the HMAC (RFC 2104) of standard input, raw. BLOCK is in bytes, KEY in hexadecimal. It is put together here
# because other users of this machine could read the arguments of openssl dgst -hmac.
hmac() {
    key=$3
    [ ${#key} -le $((2 * $2)) ] || key=$(unhex_each "$key" 0 | openssl dgst "-$1" -binary | hex)
    while [ ${#key} -lt $((2 * $2)) ]; do key=${key}00; done
    { unhex_each "$key" 54; cat; } | openssl dgst "-$1" -binary |
        { unhex_each "$key" 92; cat; } | openssl dgst "-$1" -binary
}

key() { %s; }
mac() { input | hmac %s "$(key | hex)"; }
%s
echo
`, base64.StdEncoding.EncodeToString(c.Canonical), key, c.Plan.Hash.shell(), text)
}

// shell is the hash as openssl calls it, and the size of its block in bytes.
func (h Hash) shell() string {
	block := 64
	if h == "SHA-384" || h == "SHA-512" {
		block = 128
	}
	return fmt.Sprintf("%s %d", strings.ToLower(strings.ReplaceAll(string(h), "-", "")), block)
}

// shellStep is a command that writes what a step comes to. false: sh cannot take it.
func shellStep(s *Step) (command string, ok bool) {
	switch s.Op {
	case OpSecret:
		return `printf %s "$API_SECRET"`, true
	case OpMAC:
		return "mac", true
	case OpBytes:
		return "printf '" + octal(s.Bytes) + "'", true
	}
	var args []string
	for i := range s.Args {
		one, ok := shellStep(&s.Args[i])
		if !ok {
			return "", false
		}
		args = append(args, one)
	}
	switch s.Op {
	case OpConcat:
		return "{ " + strings.Join(args, "; ") + "; }", true
	case OpHMAC:
		key := args[0]
		for _, data := range args[1:] {
			key = fmt.Sprintf(`{ %s; } | hmac %s "$({ %s; } | hex)"`, data, s.Hash.shell(), key)
		}
		return key, true
	}
	filter := s.filter()
	return "{ " + strings.Join(args, "; ") + "; } | " + filter, filter != ""
}

// filter is a command that reads the argument of a step; empty: there is none.
func (s *Step) filter() string {
	decode := "openssl base64 -d -A"
	if s.Bare {
		decode = `{ IFS= read -r t || :; case $((${#t} % 4)) in 2) t=$t==;; 3) t=$t=;; esac; printf %s "$t"; } | ` + decode
	}
	encode := "openssl base64 -A"
	if s.Bare {
		encode += " | tr -d ="
	}
	switch s.Op {
	case OpHex:
		return "hex"
	case OpUnhex:
		return `{ IFS= read -r t || :; unhex_each "$t" 0; }`
	case OpB64:
		return encode
	case OpB64URL:
		return encode + " | tr '+/' '-_'"
	case OpUnb64:
		return decode
	case OpUnb64U:
		return "tr -- '-_' '+/' | " + decode
	case OpUpper:
		return "LC_ALL=C tr a-z A-Z"
	case OpLower:
		return "LC_ALL=C tr A-Z a-z"
	case OpDigest:
		return "openssl dgst -" + strings.Fields(s.Hash.shell())[0] + " -binary"
	case OpHead:
		return fmt.Sprintf("head -c %d", s.Size)
	case OpPercent:
		return "sed 's/+/%2B/g; s,/,%2F,g; s/=/%3D/g'" // of base64 and hexadecimal digits, which is what is written so
	case OpTrim:
		return fmt.Sprintf("tail -c +%d", len(s.Bytes)+1)
	}
	return ""
}

// octal spells bytes for printf of every sh.
func octal(text []byte) string {
	var b strings.Builder
	for _, c := range text {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte("-_./:=,+ ", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\%03o`, c)
		}
	}
	return b.String()
}
