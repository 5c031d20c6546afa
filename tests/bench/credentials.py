"""What tests/bench/credentials measures with, and the Markdown tables.

    credentials.py load NAME PID SECONDS -tT -cC URL WORDS…   wrk with credentials.lua; PID is the server
    credentials.py tokens URL COUNT             the exchange's body on standard input: COUNT tokens, a line each
    credentials.py cold PID METRICS URL FILE    a call with each token of FILE, and another with each
    credentials.py metric METRICS NAME          the sum of a metric
    credentials.py table                        the lines of all rounds on standard input
"""

import http.client
import json
import re
import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request

UNITS = {"us": 1, "ms": 1e3, "s": 1e6}
P99 = 0.99
VERIFICATIONS = 'portals_rpc_duration_seconds_count{rpc="/portals.token.v1.TokenService/VerifyPortalToken"'
READS = 'portals_database_statements_total{kind="read"}'
COLD, WARM = "first call of a token", "second call of a token"

# What a figure is compared with, and how.
RATIOS = [
    ("exchange of a good secret", "bare durable insert", "rate", "exchanges / bare durable inserts, requests/s"),
    ("exchange of a good secret", "bare durable insert", "cpu", "exchanges / bare durable inserts, CPU"),
    ("garbage", "`/healthz`", "rate", "garbage / `/healthz`, requests/s"),
    ("garbage", "`/healthz`", "cpu", "garbage / `/healthz`, CPU"),
    ("call, 64 connections of garbage", "call, quiet", "p99", "p99 of calls, with garbage / quiet"),
    (
        "call, 64 connections of garbage, no limit of failures",
        "call, quiet",
        "p99",
        "p99 of calls, with garbage and no limit of failures / quiet",
    ),
    (
        "call, 64 connections to another process",
        "call, quiet",
        "p99",
        "p99 of calls, with as many connections to another process / quiet",
    ),
]


def cpu_micros(pid):
    """CPU time of a process and its threads, those that ended too: the clock of clock_getcpuclockid(3)."""
    return time.clock_gettime_ns(~int(pid) << 3 | 2) / 1e3


def metric(url, name):
    """The sum of the series whose lines begin with `name`."""
    with urllib.request.urlopen(url) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


class Client:
    """One connection that is kept."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.path = parts.path
        self.connection = http.client.HTTPConnection(parts.netloc, timeout=30)

    def post(self, body, token=None):
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self.connection.request("POST", self.path, body, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != http.client.OK:
            sys.exit(f"{self.path}: {answer.status} {text[:200]!r}")
        return text

    def timed(self, token):
        begun = time.perf_counter()
        self.post("{}", token)
        return (time.perf_counter() - begun) * 1e6


def say(**figures):
    print(json.dumps(figures))


def load(name, pid, seconds, *words):
    *options, url = words[:3]
    command = ["wrk", *options, f"-d{seconds}s", "--latency", "-s", "tests/bench/credentials.lua", url, "--", *words[3:]]
    before = cpu_micros(pid)
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    cpu = cpu_micros(pid) - before
    if "Socket errors" in text or ("Non-2xx" in text) != (name == "garbage"):
        sys.exit(f"{name}: {text}")
    requests = int(re.search(r"(\d+) requests in", text)[1])
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    say(name=name, rate=rate, p99=float(value) * UNITS[unit], cpu=cpu / requests)


def tokens(url, count):
    client, body = Client(url), sys.stdin.read()
    for _ in range(int(count)):
        print(json.loads(client.post(body))["token"])


def cold(pid, metrics, url, file):
    client = Client(url)
    with open(file, encoding="ascii") as lines:
        shown = lines.read().split()
    for name in (COLD, WARM):
        rpcs, reads, cpu = metric(metrics, VERIFICATIONS), metric(metrics, READS), cpu_micros(pid)
        times = sorted(client.timed(token) for token in shown)
        say(
            name=name,
            cpu=(cpu_micros(pid) - cpu) / len(shown),
            rpcs=(metric(metrics, VERIFICATIONS) - rpcs) / len(shown),
            reads=(metric(metrics, READS) - reads) / len(shown),
            median=statistics.median(times),
            p99=times[int(len(times) * P99)],
        )


def table():
    rounds = {}
    for text in sys.stdin:
        row = json.loads(text)
        rounds.setdefault(row.pop("name"), []).append(row)
    middle = {
        name: {key: statistics.median(row[key] for row in rows) for key in rows[0]} for name, rows in rounds.items()
    }
    print("| one call after the other | `VerifyPortalToken` a call | reads of a database a call | CPU µs | median µs | p99 µs |")
    print("|---|---|---|---|---|---|")
    for name in (COLD, WARM):
        row = middle.pop(name)
        print(f"| {name} | {row['rpcs']:.2f} | {row['reads']:.2f} | {row['cpu']:.0f} | {row['median']:.0f} | {row['p99']:.0f} |")
    print("\n| what | requests/s | CPU µs/request | p99 µs |\n|---|---|---|---|")
    for name, row in middle.items():
        print(f"| {name} | {row['rate']:,.0f} | {row['cpu']:.1f} | {row['p99']:,.0f} |")
    print("\n| ratio | median (min–max) |\n|---|---|")
    for one, other, key, title in RATIOS:
        ratios = [a[key] / b[key] for a, b in zip(rounds[one], rounds[other], strict=True)]
        print(f"| {title} | {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}) |")


def main(command, *words):
    if command == "metric":
        print(round(metric(*words)))
    else:
        {"load": load, "tokens": tokens, "cold": cold, "table": table}[command](*words)


if __name__ == "__main__":
    main(*sys.argv[1:])
