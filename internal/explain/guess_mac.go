package explain

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"hash"
	"maps"
	"slices"
)

// hashesOf are the hash functions whose result has so many bytes.
func hashesOf(size int) map[string]func() hash.Hash {
	switch size {
	case md5.Size:
		return map[string]func() hash.Hash{"MD5": md5.New}
	case sha1.Size:
		return map[string]func() hash.Hash{"SHA-1": sha1.New}
	case sha256.Size:
		return map[string]func() hash.Hash{"SHA-256": sha256.New, "SHA-512/256": sha512.New512_256, "SHA3-256": func() hash.Hash { return sha3.New256() }}
	case sha512.Size384:
		return map[string]func() hash.Hash{"SHA-384": sha512.New384, "SHA3-384": func() hash.Hash { return sha3.New384() }}
	case sha512.Size:
		return map[string]func() hash.Hash{"SHA-512": sha512.New, "SHA3-512": func() hash.Hash { return sha3.New512() }}
	}
	return nil
}

// macs are other ways to make a signature of the same length out of secret and text.
func macs(_ *search, a *attempt) []*change {
	var out []*change
	size := a.v.guess.Size()
	add := func(name, what string, f func(secret, input []byte) []byte) {
		out = append(out, &change{step: Step{"algorithm", name, what, "use HMAC with the profile's hash, the secret as its key and the message as its text"}, deep: true, apply: func(a *attempt) bool {
			a.mac = f
			return true
		}})
	}
	hashes := hashesOf(size)
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		h := hashes[name]
		sum := func(parts ...[]byte) []byte {
			d := h()
			for _, p := range parts {
				d.Write(p)
			}
			return d.Sum(nil)
		}
		keyed := func(key, text []byte) []byte {
			d := hmac.New(h, key)
			d.Write(text)
			return d.Sum(nil)
		}
		add("hmac-"+name, "HMAC over "+name+" was used", keyed)
		add("swapped", "key and message were swapped, with "+name, func(secret, input []byte) []byte { return keyed(input, secret) })
		add("hash-secret-first", "plain "+name+" of the secret and the message was used, which is no HMAC", func(secret, input []byte) []byte { return sum(secret, input) })
		add("hash-secret-last", "plain "+name+" of the message and the secret was used, which is no HMAC", func(secret, input []byte) []byte { return sum(input, secret) })
		add("hash-no-secret", "plain "+name+" of the message was used, without the secret", func(_, input []byte) []byte { return sum(input) })
		add("twice", "HMAC over "+name+" was applied twice", func(secret, input []byte) []byte { return keyed(secret, keyed(secret, input)) })
		add("hash-of-mac", "the "+name+" of the HMAC was sent", func(secret, input []byte) []byte { return sum(keyed(secret, input)) })
	}
	if size < sha512.Size && size >= 10 {
		add("hmac-SHA-512-cut", "HMAC over SHA-512 was used, and cut", func(secret, input []byte) []byte {
			d := hmac.New(sha512.New, secret)
			d.Write(input)
			return d.Sum(nil)[:size]
		})
	}
	return out
}
