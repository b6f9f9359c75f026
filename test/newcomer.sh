#!/usr/bin/env bash
# Measures how long a newcomer waits from clone to the first deployed pipeline,
# by phases, with a clone, a module cache and a build cache of its own. Prints
# a table in Markdown. Needs a quiet machine, a network and about 8 minutes.
set -euo pipefail

origin=$(git rev-parse --show-toplevel)
place=$(mktemp -d)
stack=
finish() {
  if [ -n "$stack" ]; then kill -INT "$stack" 2>/dev/null || true; wait "$stack" 2>/dev/null || true; fi
  chmod -R u+w "$place" && rm -rf "$place"
}
trap finish EXIT
unset GOFLAGS
export GOMODCACHE=$place/modules GOCACHE=$place/cache GOTOOLCHAIN=local CGO_ENABLED=0

rows=()
phase() { # NAME COMMAND...: runs it, and notes how long it took
  local name=$1 begun ended
  shift
  echo "── $name" >&2
  begun=$(date +%s%N)
  "$@" >&2
  ended=$(date +%s%N)
  rows+=("$(awk -v n="$name" -v t=$((ended - begun)) 'BEGIN { printf "| %s | %.1f s |", n, t / 1e9 }')")
}

answers() { until bin/starter status --project nobody/asks >/dev/null 2>&1 || [ $? -ne 6 ]; do sleep 0.2; done; }
start() {
  bin/dev --dir "$place/dev" >"$place/dev.log" 2>&1 &
  stack=$!
  until grep -q "Ctrl-C stops" "$place/dev.log"; do
    kill -0 "$stack" || { cat "$place/dev.log" >&2; return 1; }
    sleep 0.2
  done
  answers
}
ready() {
  bin/starter create-project --project acme/churn
  until bin/starter status --project acme/churn --environment develop --output json | grep -q '"status": "ready"'; do sleep 0.5; done
}
push() {
  bin/starter push --project acme/churn --branch develop --commit "$(git rev-parse HEAD)" --deploy-file examples/churn/deploy.yml
}
modules() { go list -deps ./starter ./worker ./internal/ec2sim/cmd/ec2sim ./test/dev ./test/demo >/dev/null; }

whole=$(date +%s%N)
phase "clone" git clone --quiet "$origin" "$place/environments"
cd "$place/environments"
phase "Task: its modules, and compiling it" ./task --version
phase "our modules" modules
phase "compiling ours, while Temporal's modules come" ./task build:ours build:temporal:modules --parallel
phase "compiling Temporal's development server" ./task build:temporal
export TEMPORAL_ADDRESS=127.0.0.1:7233
phase "starting the stack" start
phase "initialising develop and production (simulated, 60 times as fast as AWS)" ready
phase "deploying the first two pipelines" push
all=$(awk -v t=$(($(date +%s%N) - whole)) 'BEGIN { printf "%.1f s", t / 1e9 }')

echo
echo "| phase | time |"
echo "|---|---|"
printf '%s\n' "${rows[@]}"
echo "| **all** | **$all** |"
echo
echo "$(nproc) cores, $(go version | cut -d' ' -f3,4), $(du -sm "$GOMODCACHE" | cut -f1) MiB of modules, $(du -sm "$GOCACHE" | cut -f1) MiB of compiled packages"
