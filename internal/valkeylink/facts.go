package valkeylink

import (
	"context"
	"strconv"
	"strings"

	"github.com/valkey-io/valkey-go"
)

// NoEviction is the one policy under which a server forgets nothing before its time.
const NoEviction = "noeviction"

// Facts is what is known of the servers that hold keys, as of the last beat.
type Facts struct {
	Servers []Server
}

// Server is one primary.
type Server struct {
	Address  string
	Version  string // of Redis, or that of Redis which a Valkey is compatible with
	Policy   string // maxmemory-policy; empty: it does not say
	Memory   int64  // maxmemory in bytes; 0: no bound
	AOF      bool   // whether it writes down what it is told
	Replicas int    // that are connected to it
}

// Facts is what the servers say of themselves, or nil: they were not asked yet, or did not tell. The caller changes nothing
// in it.
func (l *Link) Facts() *Facts { return l.facts.Load() }

// learn asks every server, all at once. One that gives no answer is left out: it serves nobody, and is asked again. Where one
// does not tell, nothing is known of any.
func (l *Link) learn(ctx context.Context, c *client) {
	ctx, cancel := context.WithTimeout(ctx, Beat/2)
	defer cancel()
	nodes := c.Nodes()
	told := make(chan *Server, len(nodes))
	for address, node := range nodes {
		go func() { told <- askInfo(ctx, address, node) }()
	}
	facts := new(Facts)
	for range nodes {
		switch server := <-told; {
		case server == nil:
		case server.Address == "":
			l.facts.Store(nil)
			return
		default:
			facts.Servers = append(facts.Servers, *server)
		}
	}
	if len(facts.Servers) > 0 {
		l.facts.Store(facts)
	}
}

// askInfo asks one server. nil: it gave no answer, or is a replica. One without an address does not tell.
func askInfo(ctx context.Context, address string, node valkey.Client) *Server {
	text, err := node.Do(ctx, node.B().Info().Build()).ToString()
	switch {
	case denied(err):
		return new(Server)
	case err != nil:
		return nil
	}
	server, primary := parseInfo(text)
	if !primary {
		return nil
	}
	server.Address = address
	return &server
}

// maxInfo bounds how much of an answer is read.
const maxInfo = 64 << 10

// parseInfo reads the answer to INFO: lines of name:value.
func parseInfo(text string) (s Server, primary bool) {
	for line := range strings.Lines(text[:min(len(text), maxInfo)]) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		switch name {
		case "redis_version":
			s.Version = plain(value)
		case "maxmemory":
			s.Memory, _ = strconv.ParseInt(value, 10, 64) // 0 where it makes no sense: a figure for people
		case "maxmemory_policy":
			s.Policy = plain(value)
		case "aof_enabled":
			s.AOF = value == "1"
		case "connected_slaves":
			s.Replicas, _ = strconv.Atoi(value)
		case "role":
			primary = value == "master"
		}
	}
	return s, primary
}
