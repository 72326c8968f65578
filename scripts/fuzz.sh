#!/bin/sh
# Runs every fuzz target of the module for FUZZTIME each.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
for pkg in $($go list ./...); do
    for target in $($go test -list '^Fuzz' "$pkg" 2>/dev/null | grep '^Fuzz' || true); do
        echo "== $pkg $target"
        $go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-10s}" -fuzzminimizetime 10x "$pkg" # else minimising takes all of a short time
    done
done
