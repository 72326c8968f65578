package config

import "time"

// Register says which engine keeps the register.
type Register struct {
	// Engine is "sqlite", a file in Data, or "postgres", a database that many nodes share. Default "sqlite".
	Engine string `key:"engine"`
	// URLFile is the file with the database's URL, mode 0600, one line. Set with the engine "postgres", and only then.
	URLFile string `key:"url_file"`
	// Connections bounds those of this process to the database, the one that listens for changes left out. Default 8.
	Connections int `key:"connections"`
}

// Valkey is the Valkey or Redis server, or servers, that nodes share for Replay and Limits: one link for both.
type Valkey struct {
	// Addresses are HOST:PORT each, or the path of a unix socket, which begins with "/". One with the mode "single".
	Addresses []string `key:"addresses"`
	// Mode is "single", "sentinel" or "cluster". Default "single".
	Mode string `key:"mode"`
	// Master is the name under which sentinels know the primary. Set with the mode "sentinel", and only then.
	Master string `key:"master"`
	// Username and PasswordFile prove who connects; the file has mode 0600 and one line. Empty: no password.
	Username     string `key:"username"`
	PasswordFile string `key:"password_file"`
	// TLS is spoken on each connection. nil: none is.
	TLS *ValkeyTLS `key:"tls"`
	// Plain says that the network to another machine is trusted, so that there may be no TLS. Default false.
	Plain bool `key:"plain"`
	// Timeout is how long a request waits for the servers, for limits and replay together. Default 50 ms.
	Timeout time.Duration `key:"timeout"`
	// Prefix begins every key. Default "countersign:".
	Prefix string `key:"prefix"`
}

// ValkeyTLS is how the server proves itself, and perhaps this node to it.
type ValkeyTLS struct {
	// CAFile has the authorities for the server's certificate. Empty: those of the system.
	CAFile string `key:"ca_file"`
	// CertFile and KeyFile are a client certificate. Both or neither.
	CertFile string `key:"cert_file"`
	KeyFile  string `key:"key_file"`
	// ServerName is the name that the server's certificate must have. Empty: the host of the address.
	ServerName string `key:"server_name"`
}

// Replay is the replay guard: what remembers requests that must not be repeated (security rule 8).
type Replay struct {
	// Engine is "memory", a journal of this node, or "valkey", which all nodes share. Default "memory".
	Engine string `key:"engine"`
	// Durability is about the engine "memory". "buffered": what was remembered survives the end of the process, but not a loss of
	// power; or "sync": it is on the disk before the request is let in. Default "buffered".
	Durability string `key:"durability"`
	// Unreachable is about the engine "valkey": whether a request that nobody can judge is refused ("refuse") or let in with a
	// warning in its line of the record ("allow"). Default "refuse".
	Unreachable string `key:"unreachable"`
	// MaxDrift is about the engine "valkey": how far the clock of a node and that of the server may be apart. Default 5 s.
	MaxDrift time.Duration `key:"max_drift"`
	// WaitReplicas is about the engine "valkey": how many replicas must have an entry before its request is let in. Default 0.
	WaitReplicas int `key:"wait_replicas"`
}

// Counting is what counts requests for limits and quotas.
type Counting struct {
	// Engine is "memory", counters of this node, or "valkey", which all nodes share. Default "memory".
	Engine string `key:"engine"`
	// Unreachable is about the engine "valkey": whether a request that nobody can count is refused ("refuse") or let in uncounted
	// ("allow"). Default "refuse".
	Unreachable string `key:"unreachable"`
}

// The names of engines in the file.
const (
	EngineSQLite   = "sqlite"
	EnginePostgres = "postgres"
	EngineMemory   = "memory"
	EngineValkey   = "valkey"
)

// SharedRegister reports whether the register is one that many machines use.
func (c *Config) SharedRegister() bool { return c.Register.Engine == EnginePostgres }

// UsesValkey reports whether anything is shared over Config.Valkey, which is set then.
func (c *Config) UsesValkey() bool {
	return c.Replay.Engine == EngineValkey || c.Limits.Engine == EngineValkey
}
