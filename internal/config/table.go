package config

import "time"

const (
	day     = 24 * time.Hour
	years   = 3650 * day
	kib     = 1 << 10
	mib     = 1 << 20
	gib     = 1 << 30
	forever = "forever"
)

// settings is the table of the whole file.
func (d *decoder) settings(c *Config) []setting {
	return []setting{
		value("data", &c.Data, d.path(), "Folder of the register, the replay journal and, unless set elsewhere, the decision record. Only the server's user may write into it.").
			need().like("/var/lib/countersign"),
		section("keys", &c.Keys, d.keys, "Where the master key comes from, which seals every secret of the register. Keep it in another backup than the data folder."),
		section("log", &c.Log, d.log, "The server's own log: JSON lines on standard error."),
		section("ops", &c.Ops, d.ops, "The operators' listener: `/livez`, `/readyz` and `/metrics` over plain HTTP."),
		optional("admin", &c.Admin, d.admin, "The operators' plane: the admin API, which people and programs reach with an account of their own. Without it, operators have the command line on this machine."),
		optional("portal", &c.Portal, d.portal, "The partners' portal: pages on a listener of its own, for people whom operators have invited. Without it, partners have nobody but the operators."),
		section("countries", &c.Countries, d.countries, "The table for country rules. It is read again when the file changes; a bad new file leaves the old one in force."),
		section("drain", &c.Drain, d.drain, "How the server ends, and how a listener does that a reload takes away."),
		section("memory", &c.Memory, d.memory, "Bounds of what callers can make the server hold."),
		section("register", &c.Register, d.register, "Which engine keeps the register: partners, credentials, reviews and the record of changes. `countersign store copy` moves it from one to the other."),
		optional("valkey", &c.Valkey, d.valkey, "The Valkey or Redis server (6.2 or newer) that nodes share for `replay` and `limits`. Its `maxmemory-policy` must be `noeviction`."),
		section("replay", &c.Replay, d.replay, "What remembers requests that must not be repeated."),
		section("limits", &c.Limits, d.counting, "What counts requests. How many an API lets in stands under `limits` of the API."),
		section("records", &c.Records, d.records, "The decision record, its anchors and what is made of it."),
		optional("tracing", &c.Tracing, d.tracing, "Spans of requests for a system of traces, by OTLP over HTTP (OpenTelemetry). Without it nothing is traced, and a caller's `traceparent` reaches the upstream as it came."),
		section("sealing", &c.Sealing, d.sealing, "The keys that seal access tokens."),
		section("credentials", &c.Credentials, d.credentials, "The life of credentials' versions."),
		named("reviews", "ENVIRONMENT", &c.Reviews, func(r *Review) *string { return &r.Name }, d.review,
			"What an environment asks of a partner before it is approved there, each policy under the name of its environment."),
		section("webhooks", &c.Webhooks, d.webhooks, "Calls that this server makes to partners' endpoints."),
		named("environments", "ENVIRONMENT", &c.Environments, func(e *Environment) *string { return &e.Name }, d.environment,
			"The separate worlds that are served, each under its name: 1 to 32 of a-z, 0-9 and -, beginning with a letter.").need(),
	}
}

func (d *decoder) keys(k *Keys) []setting {
	return []setting{
		value("file", &k.File, d.path(), "Key file, mode 0600. Not beside `env`.").
			told("`master.key` in the data folder, unless `env` is set").like("/etc/countersign/master.key"),
		value("env", &k.Env, env(), "Name of the environment variable that holds the text of a key file. Not beside `file`.").like("COUNTERSIGN_MASTER_KEY"),
	}
}

func (d *decoder) log(l *Log) []setting {
	return []setting{
		value("level", &l.Level, oneOf("debug", "info", "warn", "error"), "The least severe level that is written.").or("info"),
	}
}

func (d *decoder) ops(o *Ops) []setting {
	return []setting{
		value("listen", &o.Listen, listen("off"), "Address to listen on. Port 0 takes a free one.").or("127.0.0.1:9900"),
		value("allow_remote", &o.AllowRemote, truth(), "Let `listen` be another address than loopback. Anybody who reaches it can read the metrics.").or("false"),
	}
}

func (d *decoder) countries(c *Countries) []setting {
	return []setting{
		value("file", &c.File, d.path(), "MaxMind DB file (MMDB) with countries. Without it no partner may have a country rule.").like("/var/lib/GeoLite2-Country.mmdb"),
	}
}

func (d *decoder) drain(r *Drain) []setting {
	return []setting{
		value("deadline", &r.Deadline, span(time.Second, time.Hour, ""), "How long running requests may take once a stop was asked for; then they are cut off. The service manager must wait longer.").or("45s"),
		value("lameduck", &r.Lameduck, span(0, 10*time.Minute, ""), "How long `/readyz` answers 503 before listeners stop to accept, so that a balancer looks elsewhere first.").or("0s"),
	}
}

func (d *decoder) memory(m *Memory) []setting {
	return []setting{
		value("bodies", &m.Bodies, size(mib, 1<<40), "How much memory request bodies may take together. Beyond it requests are refused with 503.").or("256MiB"),
		value("limiter_entries", &m.LimiterEntries, count(1000, 100_000_000), "How many rate-limit counters are kept at once, some 100 bytes each. Beyond it requests that need a new one are refused.").or("1000000"),
		value("ceiling", &m.Ceiling, sizeOr(128*mib, 1<<44, "auto"), "How much memory the process may take before the garbage collector works harder to stay below it. `auto`: nine tenths of what the control group of the process permits (a container's or a service's limit), or no ceiling where there is none; the variable `GOMEMLIMIT` comes before that.").or("auto"),
	}
}

func (d *decoder) sealing(s *Sealing) []setting {
	return []setting{
		value("rotate_every", &s.RotateEvery, span(time.Hour, years, "never"), "Age at which an environment's sealing key is replaced. Tokens that the old one sealed count to their end.").or("30d"),
	}
}

func (d *decoder) records(r *Records) []setting {
	return []setting{
		section("decisions", &r.Decisions, d.decisions, "The decision record: one line for every request, hash-chained, in segments."),
		optional("checkpoints", &r.Checkpoints, d.checkpoints, "Signed anchors of both records in another place. Without them nobody can show that the end of a record was cut off, or all of it rewritten."),
		section("stream", &r.Stream, d.stream, "A live copy of the records for another system. It reads the records behind the server, goes on where it was after a failure or a restart, and never holds up a request."),
		section("rollups", &r.Rollups, d.rollups, "Per-minute counts, from which charts are drawn."),
		optional("ship", &r.Ship, d.ship, "Bring the decision record of this node to one place, where the servers with an operators' plane collect and verify those of all nodes. It reads the record behind the server, and never holds up a request."),
		section("collect", &r.Collect, d.collect, "The records of other nodes, taken out of the depot of `records.ship` by a server with an operators' plane: verified line by line, then searched and counted like its own."),
	}
}

func (d *decoder) decisions(r *Decisions) []setting {
	return []setting{
		value("dir", &r.Dir, d.path(), "Folder of the segments.").told("`decisions` in the data folder").like("/var/log/countersign/decisions"),
		value("durability", &r.Durability, oneOf("buffered", "sync"), "`buffered`: a loss of power costs the lines of `flush_every` at most. `sync`: a request is forwarded when its line is on the disk.").or("buffered"),
		value("when_full", &r.WhenFull, oneOf("refuse", "gap"), "While nothing can be written: `refuse` requests with 503, or serve them and write a counted `gap` later.").or("refuse"),
		value("flush_every", &r.FlushEvery, span(10*time.Millisecond, time.Minute, ""), "With `buffered`: how often what was written is made durable.").or("1s"),
		value("queue_size", &r.QueueSize, size(64*kib, gib), "How much may wait in memory for the disk; more is full.").or("64MiB"),
		value("patience", &r.Patience, span(10*time.Millisecond, time.Minute, ""), "How long a request waits for the disk before it is refused, with `sync` or while the queue is full.").or("5s"),
		value("segment_size", &r.SegmentSize, size(mib, 64*gib), "Size at which a segment is closed.").or("256MiB"),
		value("segment_age", &r.SegmentAge, span(time.Minute, 30*day, ""), "Age at which a segment is closed.").or("24h"),
		value("keep", &r.Keep, span(time.Hour, years, forever), "Age at which a closed segment is removed; the record says so.").or("400d"),
		value("compress", &r.Compress, truth(), "Compress closed segments.").or("true"),
		value("queries", &r.Queries, oneOf("digest", "plain"), "Record query strings as keyed digests, or as they came. They often hold personal data.").or("digest"),
	}
}

func (d *decoder) checkpoints(c *Checkpoints) []setting {
	return []setting{
		value("dir", &c.Dir, d.path(), "Folder to which checkpoints are appended: another disk or machine than the data folder's, best one that the server's user cannot change afterwards.").
			need().like("/mnt/elsewhere/countersign"),
		value("key_file", &c.KeyFile, d.path(), "Private Ed25519 key that signs them, mode 0600, outside of the data folder.").need().like("/etc/countersign/checkpoint.key"),
		value("every", &c.Every, span(time.Second, day, ""), "Time between two checkpoints. What is younger than the last one is not anchored.").or("1m"),
		value("url", &c.URL, receiver(), "A receiver outside of this machine to which each checkpoint is posted, too. None is lost: what it has not confirmed is sent again from the folder.").like("https://anchors.example/countersign"),
		value("url_token_file", &c.URLTokenFile, d.path(), "File with a token on one line, mode 0600, that is sent to the receiver as `Authorization: Bearer`.").like("/etc/countersign/anchor-token"),
		value("url_ca_file", &c.URLCAFile, d.path(), "Certificate authorities (PEM) for the receiver.").told("those of the system").like("/etc/countersign/anchor-ca.pem"),
	}
}

func (d *decoder) stream(s *Stream) []setting {
	return []setting{
		optional("syslog", &s.Syslog, d.syslog, "A receiver of RFC 5424 messages over TLS."),
		value("file", &s.File, d.path(), "A file to which lines are appended. It is opened again after it was moved away.").like("/var/log/countersign/stream.jsonl"),
		value("file_size", &s.FileSize, sizeOr(mib, 64*gib, "never"), "Rename that file, to the same name and `.1`, before it would be longer.").or("never"),
		value("file_keep", &s.FileKeep, count(1, 1000), "How many renamed files stay.").or("5"),
		value("hold", &s.Hold, span(time.Hour, years, forever), "For how long beyond `records.decisions.keep` a segment stays for a stream, or the depot of `records.ship`, that has not had it. Then it is removed, and what the stream missed is counted. With `forever` a receiver that is gone fills the disk.").or("7d"),
	}
}

func (d *decoder) syslog(s *Syslog) []setting {
	return []setting{
		value("address", &s.Address, endpoint(), "HOST:PORT of the receiver.").need().like("siem.example:6514"),
		value("ca_file", &s.CAFile, d.path(), "Certificate authorities (PEM) for the receiver.").told("those of the system").like("/etc/countersign/siem-ca.pem"),
		value("cert_file", &s.CertFile, d.path(), "Client certificate (PEM). Together with `key_file`.").like("/etc/countersign/siem.pem"),
		value("key_file", &s.KeyFile, d.path(), "Its key (PEM), mode 0600.").like("/etc/countersign/siem-key.pem"),
		value("server_name", &s.ServerName, host(), "Name that the receiver's certificate must have.").told("the host of `address`").like("siem.example"),
		value("plain", &s.Plain, truth(), "Send without TLS. Only to a loopback address, where a forwarder of this machine takes over.").or("false"),
		value("host", &s.Host, word("host name", "write one word"), "HOSTNAME of the messages.").told("the machine's name").like("gateway-1"),
		value("enterprise", &s.Enterprise, count(1, 1<<31-1), "Private enterprise number under which fields are sent (RFC 5424 §7.2.2). The default is the one for examples.").or("32473"),
		value("timeout", &s.Timeout, span(100*time.Millisecond, 5*time.Minute, ""), "For connecting and for each write.").or("10s"),
	}
}

func (d *decoder) rollups(r *Rollups) []setting {
	return []setting{
		value("keep", &r.Keep, span(2*day, years, forever), "For how long they are kept.").or("90d"),
	}
}
