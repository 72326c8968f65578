package config

import "time"

// Records are the two records and what is made of them. State changes are in the register and need no setting.
type Records struct {
	Decisions   Decisions    `key:"decisions"`
	Checkpoints *Checkpoints `key:"checkpoints"` // nil: records are not anchored, and verify says so
	Stream      Stream       `key:"stream"`
	Rollups     Rollups      `key:"rollups"`
	Ship        *Ship        `key:"ship"` // nil: this node's record stays on this machine
	Collect     Collect      `key:"collect"`
}

// Decisions is the decision record (design decision 6).
type Decisions struct {
	// Dir is the folder of the segments. Default "decisions" in the data folder.
	Dir string `key:"dir"`
	// Durability is "buffered": lines are durable within FlushEvery; or "sync": a request is forwarded when its line is durable.
	// Default "buffered".
	Durability string `key:"durability"`
	// WhenFull is "refuse": requests are refused while nothing can be written; or "gap": they are served and a counted gap is
	// written. Default "refuse".
	WhenFull string `key:"when_full"`
	// FlushEvery is how much time a loss of power can cost when buffered. Default 1 s.
	FlushEvery time.Duration `key:"flush_every"`
	// QueueSize is how many bytes of lines may wait for the disk. Default 64 MiB.
	QueueSize int64 `key:"queue_size"`
	// Patience is how long a request waits for the disk before it is refused (with WhenFull "refuse", or "sync"). Default 5 s.
	Patience time.Duration `key:"patience"`
	// SegmentSize closes a segment by size, in bytes. Default 256 MiB.
	SegmentSize int64 `key:"segment_size"`
	// SegmentAge closes a segment by age. Default 24 h.
	SegmentAge time.Duration `key:"segment_age"`
	// Keep is the age at which closed segments are removed. 0 ("forever"): never. Default 400 days.
	Keep time.Duration `key:"keep"`
	// Compress says whether closed segments are compressed. Default true.
	Compress bool `key:"compress"`
	// Queries is "digest": query strings are recorded as keyed digests; or "plain": as they came. Default "digest".
	Queries string `key:"queries"`
}

// Checkpoints are the signed anchors of both records, kept in another place than these.
type Checkpoints struct {
	// Dir is the folder to which checkpoints are appended. Required; outside of the data folder.
	Dir string `key:"dir"`
	// KeyFile is the Ed25519 private key, mode 0600. Required; outside of the data folder.
	KeyFile string `key:"key_file"`
	// Every is the time between two checkpoints. Default 1 min.
	Every time.Duration `key:"every"`
	// URL is where each checkpoint is posted to as well; https, or http to a loopback host. Empty: nowhere. What was not confirmed
	// is sent again from Dir.
	URL string `key:"url"`
	// URLTokenFile holds a bearer token for it on one line, mode 0600. Empty: none is sent.
	URLTokenFile string `key:"url_token_file"`
	// URLCAFile holds the authorities (PEM) for it. Empty: the system's.
	URLCAFile string `key:"url_ca_file"`
}

// Stream is the live copy of both records for another system. Neither part can hold up a request: they read the records.
type Stream struct {
	Syslog *Syslog `key:"syslog"` // nil: none
	// File is a file to which lines are appended; it is opened again after it was moved. Empty: none.
	File string `key:"file"`
	// FileSize renames that file before it would be longer, in bytes. 0 ("never"): somebody else does. Default 0.
	FileSize int64 `key:"file_size"`
	// FileKeep is how many renamed files stay. Default 5.
	FileKeep int `key:"file_keep"`
	// Hold is for how long beyond its age a segment is kept for a stream that has not confirmed it. 0 ("forever"): as long as
	// that takes. Default 7 days.
	Hold time.Duration `key:"hold"`
}

// Syslog is a receiver of RFC 5424 messages over TLS (RFC 5425).
type Syslog struct {
	// Address is HOST:PORT. Required.
	Address string `key:"address"`
	// CAFile holds the certificate authorities (PEM) for the receiver. Empty: the system's.
	CAFile string `key:"ca_file"`
	// CertFile and KeyFile are the client certificate (PEM). Empty: none; they go together.
	CertFile string `key:"cert_file"`
	KeyFile  string `key:"key_file"`
	// ServerName is the name that the receiver's certificate must have. Empty: the host of Address.
	ServerName string `key:"server_name"`
	// Plain sends without TLS; only where Address is a loopback address. Default false.
	Plain bool `key:"plain"`
	// Host is the HOSTNAME of the messages. Empty: the machine's name.
	Host string `key:"host"`
	// Enterprise is the private enterprise number under which fields are sent. Default 32473, which is for examples.
	Enterprise int `key:"enterprise"`
	// Timeout bounds connecting and each write. Default 10 s.
	Timeout time.Duration `key:"timeout"`
}

// Rollups are the per-minute counts that charts are drawn from.
type Rollups struct {
	// Keep is for how long they are kept. 0 ("forever"): for ever. Default 90 days.
	Keep time.Duration `key:"keep"`
}
