"""Makes the Markdown table of docs/benchmarks.md out of the rounds that tests/bench/run measured.

Reads lines of `scenario requests seconds cpu_seconds memory_kib`, one a round.
"""

import statistics
import sys

NAMES = {
    "portal": "warm portal call (`portals standalone`)",
    "graphql": "bare async-graphql, the same schema and rows, text each time",
    "tiny": "bare async-graphql, one field, no database, text each time",
    "echo": "axum JSON echo",
}


def main():
    rounds = {}
    for line in sys.stdin:
        scenario, requests, seconds, cpu, memory = line.split()
        figures = (float(cpu) / float(requests) * 1e6, float(requests) / float(seconds), int(memory) / 1024)
        rounds.setdefault(scenario, []).append(figures)
    micros = {scenario: statistics.median(row[0] for row in rows) for scenario, rows in rounds.items()}
    print("| server | CPU µs/request, median (min–max) | a portal call costs | requests/s, median | memory MiB |")
    print("|---|---|---|---|---|")
    for scenario, name in NAMES.items():
        rows = rounds[scenario]
        each = [row[0] for row in rows]
        rate = statistics.median(row[1] for row in rows)
        ratio = micros["portal"] / micros[scenario]
        print(
            f"| {name} | {micros[scenario]:.1f} ({min(each):.1f}–{max(each):.1f}) | {ratio:.2f} × | {rate:,.0f} "
            f"| {rows[-1][2]:.0f} |"
        )


if __name__ == "__main__":
    main()
