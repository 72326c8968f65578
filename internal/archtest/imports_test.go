package archtest_test

import (
	"bufio"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "countersign.dev/"

// allowed is the whole graph of the module (design, section 4). Left: a package, or a folder with /... for all below it.
// Right: the packages of this module that its code, tests aside, may import. What is not listed is banned; the line says
// why the list is as short as it is.
const allowed = `
scheme:                                                  # a leaf: pure, standard library only, the same code on both sides of the wire
profile:                          scheme                 # text becomes a scheme here and nowhere else
profile/library:                  profile scheme         # embedded files and their names
client:                           scheme                 # a partner's program links it: nothing of the server comes with it
middleware:                       internal/access internal/audit internal/audit/segment internal/blueprint internal/config internal/country internal/datafolder internal/edge/clientip internal/edge/gateway internal/edge/gateway/strict internal/edge/gateway/upstream internal/edge/tokens internal/engines internal/follow internal/partner internal/rate/memory internal/registry internal/replay/memory # a server without listeners, in another program: wires what cmd wires; its signatures name nothing of all this
api:                                                     # a leaf: the contract and what is generated from it; nothing of the server comes with it
internal/partner:                 internal/secret        # nouns; a version carries its secret in a value that redacts itself
internal/operator:                                       # a leaf: who may do what; registry and edges ask it, it asks nobody
internal/atonce:                                         # a leaf: several things at the same time
internal/turnstile:                                      # a leaf: places and whose turn it is
internal/secret:                  internal/turnstile     # knows bytes and keys, no nouns
internal/audit:                   internal/partner internal/secret
internal/faultfile:                                      # a leaf: the files that durable records stand on, and a disk that loses what was not synced
internal/audit/checkpoint:        internal/faultfile     # anchors and keys: knows no record, only its name
internal/audit/courier:           internal/audit/checkpoint # takes statements elsewhere over HTTP: apart, so that no record links a client
internal/audit/segment:           internal/audit internal/audit/checkpoint internal/faultfile # the decision record; knows the line, not the door it comes from
internal/audit/inspect:          internal/audit internal/audit/checkpoint internal/audit/segment # says when records are verified and remembers how it stood; proves nothing itself
internal/audit/search:            internal/audit/segment # derived from segments: reads them, never writes one
internal/audit/search/recordtest:                        # makes records for tests without the code that is tested
internal/audit/rollup:            internal/audit/search internal/audit/segment internal/faultfile # sums of lines, derived as well
internal/audit/stream:            internal/audit internal/audit/search internal/audit/segment # takes lines elsewhere; decides nothing
internal/audit/shipping:          internal/audit/checkpoint internal/audit/segment internal/faultfile # pieces of records on their way to one place, and their proof where they arrive; declares the place
internal/audit/shipping/postgres: internal/audit/shipping # one place: tables; knows bytes and places, proves nothing
internal/audit/shipping/bucket:   internal/audit/shipping internal/faultfile # another: objects; apart, so that no node links a client that it does not use
internal/audit/shipping/depottest: internal/audit/shipping # judges an engine through its contract
internal/access:                  internal/giveway internal/partner internal/rate scheme # decides from memory; never a store, never an edge; of rate only the words
internal/tracing:                                        # a leaf: one header's reading and writing; every door may use it
internal/tracing/otlp:            internal/audit internal/tracing # spans and their way out: apart, so that no door links it
internal/traffic:                internal/audit/rollup  # sums for pages, derived from the per-minute counts alone: never a decision line, never a store
internal/whatif:                  internal/access internal/audit/rollup internal/audit/search internal/audit/segment internal/partner internal/rate scheme # asks the records with the code that decides; changes nothing, declares what it reads of the register, and knows no edge
internal/registry:                internal/audit internal/giveway internal/operator internal/partner internal/secret internal/turnstile # declares the store that it needs
internal/webhook:                 internal/partner internal/secret # goes out to endpoints; knows no register: what it saw is handed back
internal/store:                                          # the faults all engines share
internal/store/tables:            internal/store internal/audit internal/partner
internal/store/sqlite:            internal/store internal/store/tables internal/atonce internal/audit internal/partner
internal/store/postgres:          internal/store internal/store/tables internal/audit
internal/store/postgrestest:      # a server for tests
internal/store/storetest:         internal/store internal/audit internal/partner internal/registry internal/secret # judges an engine through its user
internal/engines:                 internal/audit internal/config internal/partner internal/rate/valkey internal/registry internal/replay/valkey internal/secret internal/store internal/store/postgres internal/store/sqlite internal/store/tables internal/valkeylink # from names in a configuration to open engines: for whoever runs the check, so that all of them take the same ones
internal/replay:
internal/replay/memory:           internal/replay
internal/replay/replaytest:       internal/replay
internal/replay/valkey:           internal/replay internal/valkeylink # keys and one script; the way to the server is the link's
internal/rate:                                           # a leaf: the contract of a limiter, and its arithmetic
internal/rate/memory:             internal/rate
internal/rate/ratetest:           internal/rate
internal/rate/valkey:             internal/rate internal/valkeylink # keys and one script; the way to the server is the link's
internal/valkeylink:                                     # a leaf: connections, one timeout, a circuit; knows no key and no script of its own
internal/redistest:               internal/heldport # servers for tests
internal/giveway:                                        # a leaf: a pause; knows not for what
internal/heldport:                                       # for tests: a leaf that keeps a port for a server; knows no server
internal/stepcount:                                      # for tests: a leaf that counts the instructions of whatever it is given
internal/acme:                                           # certificates of an authority; a listener asks it, it asks nobody here
internal/tlsfile:                                        # files of certificates; whoever listens declares what it needs of them
internal/country:                                        # a file format; access declares what it needs of it
internal/edge/clientip:                                  # the only address derivation; shared by every door
internal/edge/passage:                 internal/access internal/edge/clientip # the lists of names that every door agrees on; decides nothing
internal/edge/problem:            internal/access        # the only table from reason to answer; shared by every door
internal/edge/tokens:             internal/access internal/registry internal/edge/problem internal/secret internal/turnstile
internal/edge/signin:             internal/edge/page internal/operator internal/partner internal/registry internal/secret # who a request acts for; the pages and cookies of it
internal/edge/ops:                internal/audit
internal/edge/page:               internal/explain       # how a page looks and what it may do in a browser; knows no noun but a report of explain, which both surfaces show
internal/edge/page/chart:                                # a leaf: numbers become a picture and a table
internal/edge/console:            api internal/desired internal/edge/page internal/edge/page/chart # a client of the contract: nothing of the register, a store or a record
internal/browsertest:                                    # a leaf, for tests alone: a real browser and what is asked of a page
internal/edge/admin:              api internal/audit internal/audit/inspect internal/audit/search internal/operator internal/partner internal/registry internal/secret internal/traffic internal/turnstile internal/whatif # the contract over the use cases; asks records, never a store
internal/edge/portal:              internal/access internal/audit/search internal/edge/clientip internal/edge/page internal/edge/problem internal/explain internal/operator internal/partner internal/partnerfile internal/registry internal/secret internal/tester internal/traffic internal/turnstile profile scheme # pages for members: asks the register as a member, and the records for one partner; never a store
internal/edge/gateway:            internal/access internal/audit internal/edge/clientip internal/edge/passage internal/edge/problem internal/edge/gateway/fields internal/edge/gateway/strict internal/edge/gateway/upstream internal/explain internal/explain/capture internal/tracing scheme # scheme and explain for captures alone: what is decided is access's
internal/edge/door:               internal/access internal/audit internal/edge/clientip internal/edge/gateway/fields internal/edge/passage internal/edge/problem internal/tracing # what the doors share that only answer: decides nothing, knows no proxy and no connection; fields for the header of an answer
internal/edge/forwardauth:        internal/access internal/edge/door internal/edge/gateway/fields # reads what a proxy says of a request; of access only the reasons
internal/edge/extauthz:            internal/access internal/edge/door internal/edge/gateway/fields internal/edge/problem # reads and writes what Envoy speaks, and links none of its generated messages; of problem only a field
internal/edge/doortest:                                  # a leaf, for tests alone: requests as bytes and what becomes of them; knows no door
internal/edge/doortest/worldtest: internal/audit internal/config internal/edge/doortest internal/partner internal/registry internal/secret internal/store/sqlite # for tests: a register in which every state of the corpus stands
internal/edge/gateway/strict:                            # bytes of a connection, no decision
internal/edge/gateway/fields:                            # a header as a list, nothing else
internal/edge/gateway/http1:      internal/edge/gateway/fields # HTTP/1.1 over what strict has let through: a server in the place of the standard one
internal/edge/gateway/upstream:   internal/edge/gateway/fields internal/turnstile # bytes of a connection, no decision
internal/partnerfile:             internal/config/document scheme # the partner's side: nothing of the server
internal/explain:                 profile scheme         # the partner's side: bytes in, words out; no I/O and nothing of the server
internal/explain/capture:         internal/explain internal/secret scheme # the server's side of it: sealed files and bounds; no door
internal/lint:                    profile scheme         # attacks a compiled profile; knows no server
internal/signingproxy:            client                 # the partner's side: a handler over a client's transport
internal/snippet:                 profile scheme         # the partner's side: text of programs, nothing of the server
internal/tester:                  internal/edge/clientip internal/explain internal/snippet profile scheme # a form becomes one plain request; of clientip the list of headers that claim an address; knows no partner and no register
internal/sandbox:                 internal/sandbox/...   # what stands behind the gateway knows nothing of it
internal/sandbox/...:             internal/sandbox/...
internal/config:                  internal/config/document internal/country internal/edge/clientip internal/partner internal/secret internal/tlsfile profile profile/library scheme # one file; knows the bounds of what it sets, reads what it names as the server does, and no server
internal/config/document:                                # a leaf: YAML as a tree with places
internal/blueprint:               internal/access internal/config profile profile/library scheme # a configuration becomes what decides; opens nothing
internal/datafolder:                                     # a leaf: the folder, its locks and its private files; knows nothing of what is in them
internal/follow:                  internal/access internal/partner # the register becomes a snapshot, again and again; knows no engine and no door
internal/desired:                 api internal/config/document scheme # a declarative file becomes a body of the contract; of scheme only the hint for a misspelt key
internal/archtest:
internal/remote:                  api internal/audit internal/partner internal/registry internal/secret # the register over the contract: its nouns and errors, never a store or an edge
cmd/countersign:                  api client scheme profile profile/library internal/... # wiring
bench:                                                   # a module of its own: comparisons with the work of others, tests only
bench/peers:                                             # a program: starts other proxies and this one as processes
bench/growth:                                            # a program: draws figures that others measured
e2e:                               internal/browsertest internal/edge/doortest internal/heldport # a stranger: drives the binary, imports nothing of it; the browser and the ports are no part of it, and the corpus is bytes
`

func TestImportsRunOneWay(t *testing.T) {
	rules := parseRules(t)
	used := map[string]bool{}
	for file, pkg := range sources(t) {
		if strings.HasSuffix(file, "_test.go") && pkg != "e2e" {
			continue
		}
		rule, ok := ruleFor(rules, pkg)
		if !ok {
			t.Errorf("%s: package %s is not in the graph; add it with its reason", file, pkg)
			continue
		}
		used[rule] = true
		for _, imported := range imports(t, file) {
			if name, ours := strings.CutPrefix(imported, module); ours && !slices.ContainsFunc(rules[rule], func(p string) bool { return covers(p, name) }) {
				t.Errorf("%s imports %s: %s may import %v only", file, name, rule, rules[rule])
			}
		}
	}
	for rule := range rules {
		if !used[rule] && !strings.HasSuffix(rule, "...") {
			t.Errorf("the graph names %s, which has no code", rule)
		}
	}
}

// TestPublicPackagesNeedNothingElse: what partners import must not bring a database or a framework with it.
func TestPublicPackagesNeedNothingElse(t *testing.T) {
	for file, pkg := range sources(t) {
		if pkg != "scheme" || strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, imported := range imports(t, file) {
			if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") {
				t.Errorf("%s imports %s; scheme needs the standard library only", file, imported)
			}
		}
	}
}

func parseRules(t *testing.T) map[string][]string {
	t.Helper()
	rules := map[string][]string{}
	for line := range strings.Lines(allowed) {
		line, _, _ = strings.Cut(line, "#")
		name, list, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		if _, doubled := rules[name]; doubled {
			t.Fatalf("%s stands twice in the graph", name)
		}
		rules[name] = strings.Fields(list)
	}
	return rules
}

func ruleFor(rules map[string][]string, pkg string) (string, bool) {
	if _, ok := rules[pkg]; ok {
		return pkg, true
	}
	for dir := pkg; dir != "."; dir = path.Dir(dir) {
		if _, ok := rules[dir+"/..."]; ok {
			return dir + "/...", true
		}
	}
	return "", false
}

func covers(pattern, name string) bool {
	if dir, all := strings.CutSuffix(pattern, "/..."); all {
		return strings.HasPrefix(name, dir+"/")
	}
	return pattern == name
}

// sources are the module's Go files, with the folder of each as its package.
func sources(t *testing.T) map[string]string {
	t.Helper()
	root := filepath.Join("..", "..")
	files := map[string]string{}
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && (name == "testdata" || strings.HasPrefix(name, ".") && name != "." && name != "..") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(name, ".go") {
			dir, err := filepath.Rel(root, filepath.Dir(file))
			if err != nil {
				return err
			}
			files[file] = filepath.ToSlash(dir)
		}
		return nil
	})
	if err != nil || len(files) < 20 {
		t.Fatalf("found %d source files, error %v", len(files), err)
	}
	return files
}

func imports(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, spec := range parsed.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, name)
	}
	return list
}

// TestSQLiteAndLibcFitTogether: the engine is generated against exactly one libc (its own documentation); another
// dependency must not lift it quietly.
func TestSQLiteAndLibcFitTogether(t *testing.T) {
	const libc, sqlite = "modernc.org/libc", "modernc.org/sqlite"
	ours := versions(t, filepath.Join("..", "..", "go.mod"))
	cache := os.Getenv("GOMODCACHE")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		if cache = filepath.Join(home, "go", "pkg", "mod"); os.Getenv("GOPATH") != "" {
			cache = filepath.Join(filepath.SplitList(os.Getenv("GOPATH"))[0], "pkg", "mod")
		}
	}
	theirs := versions(t, filepath.Join(cache, "cache", "download", sqlite, "@v", ours[sqlite]+".mod"))
	if ours[libc] == "" || ours[libc] != theirs[libc] {
		t.Errorf("go.mod has %s %s, but %s %s is made for %s", libc, ours[libc], sqlite, ours[sqlite], theirs[libc])
	}
}

func versions(t *testing.T, file string) map[string]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	found := map[string]string{}
	for scanner := bufio.NewScanner(f); scanner.Scan(); {
		if fields := strings.Fields(strings.TrimPrefix(scanner.Text(), "require ")); len(fields) >= 2 && strings.HasPrefix(fields[1], "v") {
			found[fields[0]] = fields[1]
		}
	}
	return found
}
