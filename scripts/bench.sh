#!/bin/sh
# The benchmarks of docs/benchmarks.md. Every figure that counts is a ratio to a bare HMAC-SHA256 with a key state that is
# used again, timed in turns with it in the same run, so that the machine's mood cancels out; x-hmac is that ratio.
#   scripts/bench.sh [turns, default 200]
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
turns=${1:-200}

echo "== verify against a bare HMAC over the same bytes (profile finci; body of 0, 256, 1024 and 65536 bytes)"
$go test -run '^$' -bench 'BenchmarkRatio' -benchtime "${turns}x" ./scheme | grep -E '^(Benchmark|cpu)'
echo "== one decision against a bare HMAC over 256 bytes (1,000 and 1,000,000 credentials, uniformly random keys)"
$go test -run '^$' -bench 'BenchmarkDecide' -benchtime "${turns}x" -timeout 30m ./internal/access | grep -E '^Benchmark'
echo "== the replay guard by itself: claim, journal included"
$go test -run '^$' -bench 'BenchmarkClaimFresh|BenchmarkClaimRefused' -benchtime 200000x ./internal/replay/memory | grep -E '^Benchmark'
echo "== reading the register"
$go test -run '^$' -bench 'BenchmarkRoster|BenchmarkRevision' -benchtime 3x -timeout 30m ./internal/registry | grep -E '^Benchmark'
