package scheme

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding"
	"hash"
)

// algorithm is an HMAC over one hash function, with what is needed to restore its state from the few bytes that differ between keys.
type algorithm struct {
	id    uint8 // 1 to 4; 0 is no algorithm
	name  string
	new   func() hash.Hash
	size  int // of the MAC
	block int
	state int // bytes of the hash's chaining state
	plain bool
}

// stateOffset is where the chaining state begins in a marshalled hash: after its four-byte label. NewKey proves that assumption for every key.
const stateOffset = 4

func algorithmOf(name string) (algorithm, bool) {
	switch name {
	case "hmac-sha1":
		return algorithm{1, name, sha1.New, 20, 64, 20, false}, true
	case "hmac-sha256":
		return algorithm{2, name, sha256.New, 32, 64, 32, false}, true
	case "hmac-sha384":
		return algorithm{3, name, sha512.New384, 48, 128, 64, false}, true
	case "hmac-sha512":
		return algorithm{4, name, sha512.New, 64, 128, 64, false}, true
	}
	return algorithm{}, false
}

// algorithmOf2 knows those of language 2 as well: HMAC over MD5, and plain hashes of a message that holds the secret.
func algorithmOf2(name string) (algorithm, bool) {
	switch name {
	case "hmac-md5":
		return algorithm{5, name, md5.New, 16, 64, 16, false}, true
	case "md5":
		return algorithm{6, name, md5.New, 16, 64, 16, true}, true
	case "sha1", "sha256", "sha384", "sha512":
		a, _ := algorithmOf("hmac-" + name)
		a.id, a.name, a.plain = a.id+6, name, true
		return a, true
	}
	return algorithmOf(name)
}

var algorithmNames2 = []string{"hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-md5", "md5", "sha1", "sha256", "sha384", "sha512"}

var algorithmNames = []string{"hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512"}

// afterBlock is the marshalled state of the hash after one block.
func (a algorithm) afterBlock(block []byte) ([]byte, error) {
	h := a.new()
	h.Write(block)
	m, ok := h.(encoding.BinaryMarshaler)
	if !ok {
		return nil, errState
	}
	return m.MarshalBinary()
}

func digestOf(id funcID) hash.Hash {
	switch id {
	case fnSHA1:
		return sha1.New()
	case fnSHA384:
		return sha512.New384()
	case fnSHA512:
		return sha512.New()
	case fnMD5:
		return md5.New()
	}
	return sha256.New()
}
