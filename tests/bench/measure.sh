# What the benchmarks share; sourced, with `work` a directory, `built` where the binaries are, and `pid` an associative array.

stop() {
  for scenario in "${!pid[@]}"; do
    kill "${pid[$scenario]}" 2>/dev/null || true
    wait "${pid[$scenario]}" 2>/dev/null || true
  done
  rm -rf "$work"
}

until_there() { # until_there FILE: waits until it isn't empty, half a minute at most
  for _ in $(seq 300); do
    if [[ -s $1 ]]; then return; fi
    sleep 0.1
  done
  echo "$1 didn't come; see $work" >&2
  cat "$work"/*.log >&2
  exit 1
}

standalone() { # standalone NAME SETTING=VALUE…: with no limit of requests; its data are in $work/NAME
  local name=$1
  shift
  env PORTAL_LIMITS__REQUESTS_PER_MINUTE=0 TOKEN_LIMITS__REST_PER_MINUTE=0 TOKEN_LIMITS__REST_USER_PER_MINUTE=0 "$@" \
    "$built/portals" standalone --data-dir "$work/$name" --listen 127.0.0.1:0 >"$work/$name.out" 2>"$work/$name.log" &
  pid[$name]=$!
  until_there "$work/$name.out"
}

other() { # other NAME: the server of that name out of bench-servers; its address is in $work/NAME.out
  "$built/bench-servers" "$1" >"$work/$1.out" 2>"$work/$1.log" &
  pid[$1]=$!
  until_there "$work/$1.out"
}

member() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

post() { # post NAME URL BODY: with the API access token of that standalone's first start
  curl -fsS -H @"$work/$1/auth.header" -H 'Content-Type: application/json' -d "$3" "$2"
}

build() { # one after the other: built together, the benchmark's features would get into the binary that is measured
  cargo build --quiet --locked --profile "$profile" --package portals
  cargo build --quiet --locked --profile "$profile" --package suite --bin bench-servers
}

need_wrk() {
  if ! command -v wrk >/dev/null; then
    apt-get update -qq </dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends wrk </dev/null >&2
  fi
}
