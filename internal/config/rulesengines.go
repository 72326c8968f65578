package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// engineRules checks what engines of the register, of replay and of limits need, and what they have no use for.
func (d *decoder) engineRules(c *Config) {
	d.registerRules(c)
	d.valkeyRules(c)
	d.ofEngine(c, "register.connections", c.Register.Engine, EnginePostgres, c.Register.Connections == 8)
	d.ofEngine(c, "replay.durability", c.Replay.Engine, EngineMemory, c.Replay.Durability == "buffered")
	d.ofEngine(c, "replay.unreachable", c.Replay.Engine, EngineValkey, c.Replay.Unreachable == "refuse")
	d.ofEngine(c, "replay.max_drift", c.Replay.Engine, EngineValkey, c.Replay.MaxDrift == 5*time.Second)
	d.ofEngine(c, "replay.wait_replicas", c.Replay.Engine, EngineValkey, c.Replay.WaitReplicas == 0)
	d.ofEngine(c, "limits.unreachable", c.Limits.Engine, EngineValkey, c.Limits.Unreachable == "refuse")
	for _, path := range []string{"replay", "limits"} {
		engine := c.Replay.Engine
		if path == "limits" {
			engine = c.Limits.Engine
		}
		if engine == EngineValkey && c.Valkey == nil && !d.given("valkey") {
			d.at(c, join(path, "engine"), "valkey, but the file does not say where that is", `add valkey: {addresses: ["HOST:PORT"]}`)
		}
	}
	if c.Valkey != nil && !c.UsesValkey() && c.Replay.Engine != "" && c.Limits.Engine != "" {
		d.warn(c, "valkey", "nothing uses it", "write replay: {engine: valkey} and limits: {engine: valkey}, or remove valkey")
	}
	if c.SharedRegister() {
		d.lonelyEngines(c)
	}
}

func (d *decoder) registerRules(c *Config) {
	r := c.Register
	switch {
	case r.Engine == EnginePostgres && !d.given("register.url_file"):
		d.at(c, "register", "postgres without url_file", "add url_file, a file of mode 0600 with the database's URL on one line")
	case r.Engine == EngineSQLite && d.given("register.url_file"):
		d.at(c, "register.url_file", "has no meaning with the engine sqlite", "write engine: postgres, or remove it")
	}
	if inside(r.URLFile, c.Data) {
		d.warn(c, "register.url_file", "the file lies in the data folder, where a copy of that folder takes it along", "keep it elsewhere, for example in /etc/countersign")
	}
}

// lonelyEngines warns of what each node keeps for itself while the register is that of many.
func (d *decoder) lonelyEngines(c *Config) {
	guarded := slices.ContainsFunc(c.Environments, func(e Environment) bool {
		return slices.ContainsFunc(e.APIs, func(a API) bool { return a.Replay == "writes" || a.Replay == "all" })
	})
	if c.Replay.Engine == EngineMemory && guarded {
		d.warn(c, "register.engine", "many nodes can share the register, and with replay.engine memory each of them remembers requests for itself: one that was captured can be repeated once at each other node", "write replay: {engine: valkey}, or run one node alone on this register")
	}
	limited := slices.ContainsFunc(c.Environments, func(e Environment) bool { return slices.ContainsFunc(e.APIs, API.limited) })
	if c.Limits.Engine == EngineMemory && limited {
		d.warn(c, "register.engine", "many nodes can share the register, and with limits.engine memory each of them counts for itself: a partner gets its limit once from each", "write limits: {engine: valkey}, or run one node alone on this register")
	}
}

// limited reports whether the API itself has a limit; partners can have some in the register all the same.
func (a API) limited() bool {
	return a.Limits.PerPartner != nil || a.Limits.PerCredential != nil || a.Limits.Total != nil
}

// ofEngine tells of a setting that another engine than the one in force would read. One that says its default is let pass: that is
// how `config show` writes it.
func (d *decoder) ofEngine(c *Config, path, engine, wanted string, usual bool) {
	if engine != "" && engine != wanted && d.given(path) && !usual {
		d.at(c, path, "has no meaning with the engine "+engine, "remove it, or write engine: "+wanted)
	}
}

func (d *decoder) valkeyRules(c *Config) {
	v := c.Valkey
	if v == nil {
		return
	}
	if n := len(v.Addresses); n > 32 {
		d.at(c, "valkey.addresses", fmt.Sprintf("%d addresses", n), "at most 32; of a cluster some of its nodes are enough")
	} else if v.Mode == "single" && n > 1 {
		d.at(c, "valkey.addresses", "several addresses with the mode single: each server would remember something else", "write one address, or mode: sentinel or cluster")
	}
	switch {
	case v.Mode == "sentinel" && !d.given("valkey.master"):
		d.at(c, "valkey", "sentinel without master", "add master, the name under which the sentinels know the primary")
	case v.Mode != "" && v.Mode != "sentinel" && d.given("valkey.master"):
		d.at(c, "valkey.master", "has no meaning with the mode "+v.Mode, "write mode: sentinel, or remove it")
	}
	if d.given("valkey.username") && !d.given("valkey.password_file") {
		d.at(c, "valkey.username", "without password_file", "they go together")
	}
	d.together(c, "valkey.tls", "cert_file", "key_file")
	if v.TLS != nil && v.Plain {
		d.at(c, "valkey.plain", "not beside tls", "remove one of both")
	}
	for i, address := range v.Addresses {
		d.addressOfCache(c, v, address, fmt.Sprintf("valkey.addresses[%d]", i))
	}
}

func (d *decoder) addressOfCache(c *Config, v *Valkey, address, path string) {
	socket := strings.HasPrefix(address, "/")
	switch {
	case address == "":
	case slices.Index(v.Addresses, address) >= 0 && path != fmt.Sprintf("valkey.addresses[%d]", slices.Index(v.Addresses, address)):
		d.at(c, path, quote(address)+" is listed twice", "")
	case socket && v.Mode != "" && v.Mode != "single":
		d.at(c, path, quote(address)+" is a socket, which is one server, not a "+v.Mode, "write HOST:PORT")
	case socket && v.TLS != nil:
		d.at(c, path, quote(address)+" is a socket, over which no TLS is spoken", "remove tls")
	case !socket && v.TLS == nil && !v.Plain && !loopback(address):
		d.at(c, path, quote(address)+" is another machine, and TLS is off", "add tls: {}, or plain: true if the network between is trusted")
	}
}
