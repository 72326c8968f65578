#!/bin/sh
# Runs the lanes of `make test`. Each lane has a time budget of its own, so that one that hangs is named.
#   scripts/test.sh all | unit | tools | browser | e2e | nodes | snippets
set -eu
cd "$(dirname "$0")/.."
lane=${1:-all}
go=${GO:-go}

# What is shipped is built without C, and so is what is tested, but for the race detector, which needs it: one tree to compile less.
export CGO_ENABLED=0

say() { printf '== %s  %s\n' "$(date +%H:%M:%S)" "$*"; }

# The race detector needs a C compiler; without one the tests still run here, but not in CI.
# SQLite, a C program translated to Go, is not looked at: it has no goroutines, and made the registry's tests three times as slow.
race='-race -gcflags=modernc.org/...=-race=false' cgo=1
if ! command -v "${CC:-cc}" >/dev/null 2>&1 && ! command -v gcc >/dev/null 2>&1; then
    if [ "${CI:-}" = true ]; then
        echo "CI: no C compiler, and so no race detector; .ci/run must install one" >&2
        exit 1
    fi
    say "no C compiler found: running without the race detector"
    race= cgo=0
fi

# Packages that turn one text into another, or ask servers of their own one question after the other: the race detector would only
# make them slow.
plain='/(deploy|internal/config|internal/explain|internal/snippet|internal/edge/console|internal/edge/portal|internal/edge/doortest|profile/library)$'
# What counts allocations, bytes and instructions.
counted='Allocat|AtMost[0-9]+Bytes|Instructions'
# One goroutine for minutes under the race detector, which has nothing to find there that other tests do not show.
calm='^Test(CommandLine|ServerSaysTheSame|GarbageIsNoFault|HostileNamesStayText|TenThousandPartners.*|NothingBadBreaksAnOperation|APageOfProposalsIsBoundedInBytes|TheLongestProposalCanBeApproved|AMemberWhoHasUsedTheDayUp.*|AMemberAsksForSoMuchInADay|WhatAMemberAskedForIsSeenAsLongAsItWaits|MembersLeaveRoom.*|EvidenceIsBounded|PiecesOfTheRosterMakeTheWhole|ARegisterIsBuiltWithPauses)$'
unit() {
    say "format"
    unformatted=$(gofmt -l $(git ls-files -co --exclude-standard '*.go' 2>/dev/null || find . -name '*.go'))
    [ -z "$unformatted" ] || { echo "not formatted: $unformatted" >&2; exit 1; }
    say "vet"
    $go vet ./...
    say "build"
    $go build -o /dev/null ./cmd/countersign
    say "unit tests ${race:+with the race detector}"
    # shellcheck disable=SC2046,SC2086
    CGO_ENABLED=$cgo $go test $race -timeout 12m -skip "$snippets|$browser|$calm" $($go list ./... | grep -vE "/e2e|$plain")
    say "unit tests of packages that the race detector would see nothing in"
    # shellcheck disable=SC2046
    $go test -timeout 6m -skip "$snippets|$browser|$calm" $($go list ./... | grep -E "$plain")
    say "long ones that do one thing after another: without the race detector"
    $go test -timeout 6m -run "$calm" ./cmd/countersign ./internal/access ./internal/registry ./internal/edge/console ./internal/edge/admin
    say "the gateway behind its own HTTP/1 server"
    CGO_ENABLED=$cgo COUNTERSIGN_HTTP1=own $go test $race -count=1 -timeout 5m ./internal/edge/gateway ./internal/edge/gateway/strict
    say "tests that the race detector would distort"
    # shellcheck disable=SC2046
    $go test -timeout 3m -run "$counted" $(grep -rlE --include=*_test.go --exclude-dir=bench --exclude-dir=tools \
        "^func (Test|Fuzz|Example)[[:alnum:]_]*($counted)" . | xargs -n1 dirname | sort -u)
}

# What a test needs and this machine lacks is said here, since go test says it with -v only; in CI it is a failure.
missing() {
    for tool in "$@"; do
        command -v "$tool" >/dev/null 2>&1 && continue
        if [ "${CI:-}" = true ]; then
            echo "CI: $tool is missing; .ci/run must install it" >&2
            exit 1
        fi
        say "$tool not found: the tests that need it are skipped"
    done
}

# Pages in Debian's Chromium. The race detector would look at Go code that other tests run as well, and slow the browser down with it.
# A test with another name that opens a browser runs with the unit tests.
browser='Browser|NeverLeavesThePage|PageSignsAs|WithoutScripts|CopiedAndDownloaded|^TestTheTail(KeepsItsTable|SaysThat)|AccessibleFinds|APageIsDriven|^TestPicturesAre|^TestTheAuthenticator'
browser() {
    say "pages in a browser"
    $go test -count=1 -timeout 6m -run "$browser" ./internal/browsertest ./internal/edge/console ./internal/edge/portal ./internal/edge/signin
}

e2e() {
    say "end to end: the real binary"
    $go test -count=1 -timeout 10m -parallel 6 -skip "$snippets" ./e2e
}

# Three nodes with one PostgreSQL and one Redis, and what becomes of them when one of all these is killed, stopped or cut off.
nodes() {
    say "three nodes, a database and a cache, with faults"
    $go test -count=1 -timeout 6m ./e2e/nodes
}

# What needs modules that the server does not: manifests against the types that Kubernetes and Envoy Gateway publish, an S3 server.
tools() {
    say "deployment files against their published types; a bucket"
    (cd tools && $go vet ./... && $go test -count=1 -timeout 8m ./...)
    say "what the benchmarks are measured with"
    (cd bench && $go vet ./... && $go test -count=1 -timeout 4m ./...)
}

# The programs that `snippet` writes, run in every language that Debian packages. What they need is said once, here.
snippets='^Test(ProgramsAreTaken|TokenPrograms|HostileTexts|EveryFunction|Rule33.*Program.*|Snippets)$'
snippets() {
    say "snippets: programs in seven languages"
    $go test -count=1 -timeout 10m -run "$snippets" ./internal/snippet ./e2e
}

# The binary's tests wait more than they compute, so that the browser and the compilers of other languages have room beside them.
# What the second of the two says comes in one piece, when both have ended.
side_by_side() {
    said=$(mktemp)
    trap 'rm -f "$said"' EXIT
    (set -e; browser; snippets) >"$said" 2>&1 &
    other=$!
    (set -e; e2e) &
    failed=0
    wait $! || failed=1
    wait "$other" || failed=1
    cat "$said"
    return "$failed"
}

programs="python3 node curl openssl chromium glewlwyd nginx haproxy caddy redis-server promtool"
runtimes="javac keytool php ruby"
# shellcheck disable=SC2086
case $lane in
all) missing $programs $runtimes; unit; tools; side_by_side; nodes ;;
unit) missing python3; unit ;;
browser) missing chromium; browser ;;
e2e) missing $programs; e2e ;;
tools) tools ;;
nodes) missing redis-server; nodes ;;
snippets) missing $programs $runtimes; snippets ;;
*) echo "usage: scripts/test.sh all|unit|tools|browser|e2e|nodes|snippets" >&2; exit 2 ;;
esac
