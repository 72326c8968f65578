#!/bin/sh
# The benchmarks of docs/benchmarks.md. Every figure that counts is a ratio to a yardstick that is timed in turns with it in
# the same run, so that the machine's mood cancels out: a bare HMAC-SHA256 with a key state that is used again (x-hmac), a
# function by hand, an SDK's signer, a bare reverse proxy. Where there is no yardstick, processor time is reported.
#   scripts/bench.sh [section ...]     sections: verify profiles sdk proxy decide replay record register change reload
#                                      doors million growth search
# Without sections: all but search, which writes a record of COUNTERSIGN_SEARCH_LINES (10,000,000) decisions, 3 GB, and takes
# a quarter of an hour. TURNS is how often each piece of work takes its turn (200).
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
turns=${TURNS:-200}

say() { printf '== %s\n' "$*"; }

# bench RUNS PACKAGE PATTERN prints the lines of a benchmark. A failure is said, and is one.
bench() {
    out=$($go test -run '^$' -bench "$3" -benchtime "$1" -timeout 30m "$2" 2>&1) || { printf '%s\n' "$out" >&2; exit 1; }
    printf '%s\n' "$out" | grep -E '^Benchmark|^ +[a-z_]+_test.go'
}

section() {
    case $1 in
    verify)
        say "verify against a bare HMAC over the same bytes (profile finci; body of 0, 256, 1024 and 65536 bytes)"
        bench "${turns}x" ./scheme BenchmarkRatio ;;
    profiles)
        say "ten profiles against functions by hand: verify, parse + fresh + verify (all), sign"
        bench "$((turns * 10))x" ./profile/library BenchmarkRatio ;;
    sdk)
        say "SigV4 against the AWS SDK's signer"
        (cd bench && $go test -run TestTheSDKSignsTheSame . && bench "$((turns * 10))x" . BenchmarkSigV4) ;;
    proxy)
        say "processor time of a request in the signing proxy and in a bare httputil.ReverseProxy"
        (cd bench && $go test -run TestTheSigningProxySigns . && bench 7x . BenchmarkSigningProxy) ;;
    decide)
        say "one decision against a bare HMAC over 256 bytes (1,000 and 1,000,000 credentials, uniformly random keys)"
        bench "${turns}x" ./internal/access BenchmarkDecide ;;
    replay)
        say "the replay guard by itself: claim, journal included"
        bench 200000x ./internal/replay/memory 'BenchmarkClaimFresh|BenchmarkClaimRefused' ;;
    record)
        say "the decision record: lines a second and processor time of a line"
        bench 1000000x ./internal/audit/segment BenchmarkRecordSustained
        bench 30000x ./internal/audit/segment BenchmarkAdmitSync
        bench 3x ./internal/audit/segment BenchmarkVerify ;;
    register)
        say "reading the register"
        bench 3x ./internal/registry BenchmarkRoster
        bench 1000x ./internal/registry BenchmarkRevision ;;
    change)
        say "two changes, each with its durable commit; apply of 10,000 partners"
        bench 100x ./internal/registry BenchmarkUpdate
        bench 1x ./internal/registry BenchmarkApply ;;
    reload)
        say "fifty reloads, a drain, under load: no request may fail"
        $go test -count=1 -v -timeout 10m -run 'TestReloadsUnderLoad|TestDrainUnderLoad' ./e2e | grep -E 'requests were served|^---|^FAIL|^ok' ;;
    doors)
        say "processor time of a check through each door for other proxies, and of a bare server of its protocol"
        COUNTERSIGN_DOOR_CHECKS=${CHECKS:-8000} $go test -count=1 -v -timeout 20m -run TestDoorsLetHonestRequestsIn ./e2e | grep -E 'door_cost|^---|^FAIL|^ok' ;;
    million)
        say "a register of a million signing keys: ready, bytes, a change, the longest decision meanwhile"
        bench 1x ./cmd/countersign BenchmarkMillion ;;
    growth)
        say "what growing costs; the pictures of docs/charts"
        figures=$(mktemp)
        lines=$(mktemp)
        bench "$((turns / 10))x" ./internal/access BenchmarkGrowth | tee "$lines"
        (cd bench && $go run ./peers -peers '^(countersign|haproxy-hmac)$' -workloads '^connections-' -rounds 3 -figures "$figures" >/dev/null &&
            $go run ./growth -figures "$figures" -out ../docs/charts <"$lines")
        rm -f "$figures" "$lines" ;;
    search)
        say "search in ${COUNTERSIGN_SEARCH_LINES:=10000000} decisions"
        export COUNTERSIGN_SEARCH_LINES
        $go test -count=1 -v -timeout 60m -run TestQuestionsAtScale ./internal/audit/search | grep -E 'scale_test|^---|^FAIL|^ok' ;;
    *)
        echo "unknown section $1; see the head of scripts/bench.sh" >&2
        exit 2 ;;
    esac
}

[ $# -gt 0 ] || set -- verify profiles sdk proxy decide replay record register change reload
say "$($go version), $(nproc) processors of $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -1); load $(cut -d' ' -f1 /proc/loadavg 2>/dev/null)"
for name; do section "$name"; done
