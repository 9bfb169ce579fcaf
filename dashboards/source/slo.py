"""The promise to clients in numbers: 99.9 % of queries answered, 99 % of them within 100 ms."""

from overview import FAILURES
from panels import *

X = "sql_autoscaler"

# Windows of burn rates are their definition (Google's SRE workbook, chapter 5), so they do not follow the zoom.
WINDOWS = ["5m", "1h", "6h"]


def failed(window):
    errors = f"sum(rate({X}_router_query_errors_total{{{CLUSTER},{FAILURES}}}[{window}]))"
    return f"({errors} / ({errors} + sum(rate({X}_router_queries_total{{{CLUSTER}}}[{window}])) > 0))"


def slow(window):
    fast = f'sum(rate({X}_router_query_duration_seconds_bucket{{{CLUSTER},le="0.1"}}[{window}]))'
    return f"(1 - {fast} / (sum(rate({X}_router_query_duration_seconds_count{{{CLUSTER}}}[{window}])) > 0))"


BURN = steps((None, GREEN), (1, AMBER), (6, RED))
NO_TRAFFIC = "no query was asked in the time shown"


def build():
    left = steps((None, RED), (0.1, AMBER), (0.5, GREEN))
    return dashboard(
        "sqlas-slo", "SLO", "99.9 % of queries are answered, 99 % of them within 100 ms. Failures are what the service is to blame for: overload, a shard away, a timeout, an unknown outcome, a bug.",
        [
            row(
                "Over the time shown",
                number("Answered", "The share of queries without a failure of the service. The promise is 99.9 %.", "percentunit", q(f"1 - {failed('$__range')}", "answered"), steps((None, RED), (0.999, GREEN)), width=6, height=5, decimals=3, empty=NO_TRAFFIC),
                number("Left of the error budget", "What remains of the 0.1 % that may fail. Below 0 the promise is broken.", "percentunit", q(f"1 - {failed('$__range')} / 0.001", "left"), left, width=6, height=5, empty=NO_TRAFFIC),
                number("Within 100 ms", "The share of answered queries that took no longer. The promise is 99 %.", "percentunit", q(f"1 - {slow('$__range')}", "fast"), steps((None, RED), (0.99, GREEN)), width=6, height=5, decimals=3, empty=NO_TRAFFIC),
                number("Left of the latency budget", "What remains of the 1 % that may be slower.", "percentunit", q(f"1 - {slow('$__range')} / 0.01", "left"), left, width=6, height=5, empty=NO_TRAFFIC),
            ),
            row(
                "How fast the budgets burn",
                lines("Error budget", "1 burns a month's budget in a month, 14.4 in two days: at that, in 5 minutes and an hour alike, somebody is paged.", "short",
                      [q(f"{failed(window)} / 0.001", window) for window in WINDOWS], width=12, height=9, thresholds=BURN, limit=True, empty=NO_TRAFFIC),
                lines("Latency budget", "The same for answers slower than 100 ms.", "short",
                      [q(f"{slow(window)} / 0.01", window) for window in WINDOWS], width=12, height=9, thresholds=BURN, limit=True, empty=NO_TRAFFIC),
            ),
            row(
                "What burns them",
                lines("Failures by reason", "Only those that the service is to blame for.", "reqps", q(f"sum by (reason) (rate({X}_router_query_errors_total{{{CLUSTER},{FAILURES}}}[$__rate_interval]))", "{{reason}}"), width=12, stack=True),
                lines("Slow answers by route", "A second, above 100 ms. Scatters ask every shard and are as slow as the slowest.", "reqps",
                      q(f'sum by (route) (rate({X}_router_query_duration_seconds_count{{{CLUSTER}}}[$__rate_interval])) - sum by (route) (rate({X}_router_query_duration_seconds_bucket{{{CLUSTER},le="0.1"}}[$__rate_interval]))', "{{route}}"), width=12, stack=True, empty=NO_TRAFFIC),
            ),
        ],
        shard_variable=None, time="now-24h",
    )
