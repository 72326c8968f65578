package valkeylink

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

const (
	// DefaultTimeout is how long one call may take unless Config says otherwise.
	DefaultTimeout = 50 * time.Millisecond
	// MaxTimeout bounds Config.Timeout: a request that waits longer for a cache is better refused.
	MaxTimeout = 5 * time.Second
	// MaxAddresses bounds Config.Addresses.
	MaxAddresses = 32
	// Beat is how often a link looks at its servers, and looks for them while they are away.
	Beat = time.Second
	// connectTimeout is how long the making of a connection may take; no request waits for it.
	connectTimeout = 2 * time.Second
)

// Mode says how the servers stand to each other.
type Mode string

const (
	// Single is one server, or one name or address that always leads to the primary of a replicated pair; the default.
	Single Mode = ""
	// Sentinel is a replicated server whose primary Config.Addresses, which are sentinels, know under Config.Master.
	Sentinel Mode = "sentinel"
	// Cluster is a cluster; Config.Addresses are any of its nodes.
	Cluster Mode = "cluster"
)

// Config says where the servers are. Addresses, Now and Log must be set.
type Config struct {
	// Addresses are HOST:PORT each, or the path of a unix socket, which begins with "/". With Single there is one.
	Addresses []string
	Mode      Mode
	Master    string // with Sentinel: the name of the primary; else empty

	// Username and PasswordFile prove who connects. The file holds the password on one line, is read at each connection, so
	// that it can be changed while the program runs, and must have mode 0600 (security rule 39). Empty: no password.
	Username     string
	PasswordFile string

	// TLS is used for each connection; nil: none. MinVersion below TLS 1.2 is raised to it. Without it an address must be
	// this machine, unless Plain says that the network between is trusted.
	TLS   *tls.Config
	Plain bool

	// Timeout is how long one call may take, at most MaxTimeout; 0: DefaultTimeout.
	Timeout time.Duration

	// Now is the clock; its monotonic part is not needed.
	Now func() time.Time
	// Log hears when the servers go away and come back, and what should be mended about them. It never hears a password.
	Log *slog.Logger
}

// check returns what is wrong with c, with what to do about it.
func (c *Config) check() error {
	switch {
	case c.Now == nil || c.Log == nil:
		return errors.New("a clock and a log are needed")
	case len(c.Addresses) == 0 || len(c.Addresses) > MaxAddresses:
		return fmt.Errorf("%d addresses: give 1 to %d of HOST:PORT or of a socket's path", len(c.Addresses), MaxAddresses)
	case c.Timeout < 0 || c.Timeout > MaxTimeout:
		return fmt.Errorf("a timeout of %s: give more than 0 and at most %s", c.Timeout, MaxTimeout)
	case c.Mode != Single && c.Mode != Sentinel && c.Mode != Cluster:
		return fmt.Errorf("the mode %q is unknown: %q, %q or none are known", c.Mode, Sentinel, Cluster)
	case c.Mode == Single && len(c.Addresses) > 1:
		return errors.New("several addresses need the mode sentinel or cluster: of several single servers each would remember something else")
	case (c.Mode == Sentinel) != (c.Master != ""):
		return errors.New("the name of the primary belongs to the mode sentinel, and must be given there")
	case c.Username != "" && c.PasswordFile == "":
		return errors.New("a user name needs the file of its password")
	}
	for _, address := range c.Addresses {
		if err := c.checkAddress(address); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) checkAddress(address string) error {
	if len(address) > 0 && address[0] == '/' {
		if c.Mode != Single {
			return fmt.Errorf("address %q: a socket is one server, not a %s", address, c.Mode)
		}
		return nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || port == "" {
		return fmt.Errorf("address %q is not HOST:PORT", address)
	}
	if c.TLS == nil && !c.Plain && !local(host) {
		return fmt.Errorf("address %q is another machine and TLS is off: switch it on, or say that the network between is trusted", address)
	}
	return nil
}

func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
