package config

import (
	"fmt"
	"regexp"
	"time"
)

// Ship is where this node brings its decision record, so that other machines see it.
type Ship struct {
	// To is the engine of the depot: "register", the database of the register; "postgres", another one; or "bucket". Required.
	To string `key:"to"`
	// Node is the name under which other machines know this one. Empty: the machine's name, in lower case.
	Node string `key:"node"`
	// Every is the time between two rounds, which is what a node that dies loses at most, with what was not durable. Default 5 s.
	Every time.Duration `key:"every"`
	// Keep is for how long pieces stay in the depot. 0 ("forever"): this program removes none. Default 400 days.
	Keep time.Duration `key:"keep"`
	// URLFile is the file with the database's URL, mode 0600, one line. Set with "postgres", and only then.
	URLFile string `key:"url_file"`
	// Bucket is set with "bucket", and only then.
	Bucket *Bucket `key:"bucket"`
}

// Bucket is a bucket of an S3-compatible store.
type Bucket struct {
	// Endpoint is HOST:PORT of the store. Required.
	Endpoint string `key:"endpoint"`
	// Name is the bucket's. Required.
	Name string `key:"name"`
	// Prefix begins the names of all objects. Empty: nothing does.
	Prefix string `key:"prefix"`
	// Region is the store's. Default "us-east-1".
	Region string `key:"region"`
	// CredentialsFile holds the access key and its secret on two lines, mode 0600. Required.
	CredentialsFile string `key:"credentials_file"`
	// CAFile holds the authorities (PEM) for the store's certificate. Empty: the system's.
	CAFile string `key:"ca_file"`
	// Plain speaks without TLS; only where Endpoint is a loopback address. Default false.
	Plain bool `key:"plain"`
}

// Collect is how a server with an operators' plane takes the records of other nodes.
type Collect struct {
	// Off says that it does not. Default false.
	Off bool `key:"off"`
	// Dir is the folder for them. Default "collected" in the data folder.
	Dir string `key:"dir"`
	// Every is the time between two rounds. Default 5 s.
	Every time.Duration `key:"every"`
	// Keep is the age at which closed segments of other nodes are removed here. 0 ("forever"): never. Default 400 days.
	Keep time.Duration `key:"keep"`
	// Keys are the nodes whose checkpoint keys somebody has confirmed.
	Keys []NodeKey `key:"keys"`
	// KnownOnly takes the records of these nodes alone. Default false.
	KnownOnly bool `key:"known_only"`
}

// NodeKey is the confirmed key of a node.
type NodeKey struct {
	// Node is its name. Required.
	Node string `key:"node"`
	// Files are public keys of checkpoints, one in each.
	Files []string `key:"files"`
}

// The depots of the file.
const (
	ShipRegister = "register"
	ShipPostgres = "postgres"
	ShipBucket   = "bucket"
)

func (d *decoder) ship(s *Ship) []setting {
	return []setting{
		value("to", &s.To, oneOf(ShipRegister, ShipPostgres, ShipBucket), "`register`: into tables of their own in the register's database (with `register.engine: postgres`). `postgres`: into another database. `bucket`: into a bucket of an S3-compatible store.").need().like(ShipRegister),
		value("node", &s.Node, nodeName(), "Name under which other machines know this one; no two may have the same.").told("the machine's name, in lower case").like("gateway-1"),
		value("every", &s.Every, span(time.Second, time.Hour, ""), "Time between two rounds. A node that is lost for ever takes with it what it wrote since the last one, and what was not durable (`records.decisions.flush_every`).").or("5s"),
		value("keep", &s.Keep, span(day, years, forever), "For how long pieces stay in the depot. A server that collects removes older ones, by whole days in a database. `forever` where a bucket has rules of its own.").or("400d"),
		value("url_file", &s.URLFile, d.path(), "With `postgres`: file with the database's URL on one line, mode 0600.").like("/etc/countersign/records.url"),
		optional("bucket", &s.Bucket, d.bucket, "With `bucket`: where that is. The store must hold to `If-None-Match`; one that does not is refused."),
	}
}

func (d *decoder) bucket(b *Bucket) []setting {
	return []setting{
		value("endpoint", &b.Endpoint, endpoint(), "HOST:PORT of the store.").need().like("s3.eu-central-1.amazonaws.com:443"),
		value("name", &b.Name, matching("name of a bucket", `^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`), "The bucket, which must be there.").need().like("countersign-records"),
		value("prefix", &b.Prefix, matching("beginning of names", `^[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*$`), "Begins the name of every object, without a slash at its ends.").like("countersign"),
		value("region", &b.Region, matching("name of a region", `^[a-z0-9-]{1,40}$`), "The store's region.").or("us-east-1"),
		value("credentials_file", &b.CredentialsFile, d.path(), "File with the access key and its secret on two lines, mode 0600. They need to list, read and put objects; to remove some only where `records.ship.keep` is not `forever`.").need().like("/etc/countersign/bucket-credentials"),
		value("ca_file", &b.CAFile, d.path(), "Certificate authorities (PEM) for the store.").told("those of the system").like("/etc/countersign/bucket-ca.pem"),
		value("plain", &b.Plain, truth(), "Speak without TLS. Only to a loopback address.").or("false"),
	}
}

func (d *decoder) collect(c *Collect) []setting {
	return []setting{
		value("off", &c.Off, truth(), "Do not take them, although this server has an operators' plane.").or("false"),
		value("dir", &c.Dir, d.path(), "Folder for the records of other nodes.").told("`collected` in the data folder").like("/var/log/countersign/collected"),
		value("every", &c.Every, span(time.Second, time.Hour, ""), "Time between two rounds.").or("5s"),
		value("keep", &c.Keep, span(time.Hour, years, forever), "Age at which a closed segment of another node is removed here, counted from when it came.").or("400d"),
		several("keys", &c.Keys, 1, d.nodeKey, "Checkpoint keys of nodes that somebody has compared with those at the nodes. Of a node without one, the first key that it names counts, and is shown as not confirmed."),
		value("known_only", &c.KnownOnly, truth(), "Take the records of the nodes under `keys` alone.").or("false"),
	}
}

func (d *decoder) nodeKey(k *NodeKey) []setting {
	return []setting{
		value("node", &k.Node, nodeName(), "Name of the node.").need().like("gateway-2"),
		lines("files", &k.Files, 1, d.path(), "Public keys of its checkpoints: the `.pub` beside the node's `records.checkpoints.key_file`.").need().like("[/etc/countersign/gateway-2.pub]"),
	}
}

// nodeText is what shipping takes for the name of a node; two points in a row it refuses besides.
var nodeText = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]|\.[a-z0-9-]){0,61}$`)

func isNode(s string) bool {
	return nodeText.MatchString(s) && len(s) <= 63 && s[len(s)-1] != '-'
}

func nodeName() format[string] {
	return plain("name of a node", "1 to 63 of a-z, 0-9, point and hyphen", nodeText.String(), func(s string) (string, string, string) {
		if !isNode(s) {
			return "", quote(s) + " is not the name of a node", "1 to 63 of a-z, 0-9, point and hyphen, with a letter or digit at both ends"
		}
		return s, "", ""
	}, same)
}

// matching is a text of a pattern.
func matching(what, pattern string) format[string] {
	form := regexp.MustCompile(pattern)
	return plain(what, "", pattern, func(s string) (string, string, string) {
		if !form.MatchString(s) {
			return "", quote(s) + " is not the " + what, "it is of the form " + pattern
		}
		return s, "", ""
	}, same)
}

// shipRules checks what the depot needs.
func (d *decoder) shipRules(c *Config) {
	s := c.Records.Ship
	if s == nil {
		if c.Records.Collect.KnownOnly || len(c.Records.Collect.Keys) > 0 {
			d.at(c, "records.collect", "without records.ship, which says where records of other nodes are", "add records.ship")
		}
		return
	}
	const path = "records.ship"
	switch {
	case s.To == ShipRegister && c.Register.Engine != EnginePostgres:
		d.at(c, path+".to", "the register is not in a database", "write to: postgres with url_file, or to: bucket")
	case s.To == ShipPostgres && !d.given(path+".url_file"):
		d.at(c, path, "no url_file, which says where the database is", "add url_file")
	case s.To == ShipBucket && !d.given(path+".bucket"):
		d.at(c, path, "no bucket", "add bucket with endpoint, name and credentials_file")
	}
	if s.To != ShipPostgres && d.given(path+".url_file") {
		d.at(c, path+".url_file", "has no meaning with to: "+s.To, "remove it, or write to: postgres")
	}
	if s.To != ShipBucket && d.given(path+".bucket") {
		d.at(c, path+".bucket", "has no meaning with to: "+s.To, "remove it, or write to: bucket")
	}
	if b := s.Bucket; b != nil && b.Plain {
		if b.Endpoint != "" && !loopback(b.Endpoint) {
			d.at(c, path+".bucket.plain", "the record would go to another machine in clear", "remove plain")
		}
		if d.given(path + ".bucket.ca_file") {
			d.at(c, path+".bucket.ca_file", "has no meaning without TLS", "remove it, or plain")
		}
	}
	if keep := c.Records.Decisions.Keep; keep > 0 && keep < 10*s.Every {
		d.at(c, path+".every", "too long for records.decisions.keep: segments would be removed before they were shipped", "write a shorter one")
	}
	seen := map[string]bool{}
	for i, k := range c.Records.Collect.Keys {
		if seen[k.Node] && k.Node != "" {
			d.at(c, fmt.Sprintf("records.collect.keys[%d].node", i), quote(k.Node)+" is listed twice", "write all of its files into one entry")
		}
		seen[k.Node] = true
	}
	if dir := c.Records.Collect.Dir; dir != "" && (inside(dir, c.Records.Decisions.Dir) || inside(c.Records.Decisions.Dir, dir)) {
		d.at(c, "records.collect.dir", "lies in the folder of this node's own record, or holds it", "give the records of other nodes a folder of their own")
	}
}

// ship looks at the files that the depot needs.
func (k checker) ship() {
	s := k.c.Records.Ship
	if s == nil {
		return
	}
	if s.URLFile != "" && k.private("records.ship.url_file", s.URLFile, 0o077, "write the database's URL into it, on one line") {
		k.databaseURL("records.ship.url_file", s.URLFile)
	}
	if b := s.Bucket; b != nil {
		k.private("records.ship.bucket.credentials_file", b.CredentialsFile, 0o077, "write the access key and its secret into it, on two lines")
		k.authorities("records.ship.bucket.ca_file", b.CAFile)
	}
	for i := range k.c.Records.Collect.Keys {
		one := &k.c.Records.Collect.Keys[i]
		for j, file := range one.Files {
			k.private(fmt.Sprintf("records.collect.keys[%d].files[%d]", i, j), file, 0o022, "copy it from the node: the .pub beside its checkpoint key")
		}
	}
}
