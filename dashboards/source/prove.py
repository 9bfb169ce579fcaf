"""Asks a live Prometheus every expression of every dashboard, and of rule files: prove.py URL [RULES.yml…].

Each must be understood, without warnings, and have data, unless it is on record that and why it may be empty. An
alert's expression is to be empty in a healthy cluster, so it only has to be understood.
"""

import json
import pathlib
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import expressions

HERE = pathlib.Path(__file__).resolve().parents[1]


class Prometheus:
    def __init__(self, url):
        self.url = url.rstrip("/")

    def ask(self, path, **parameters):
        body = urllib.parse.urlencode(parameters, doseq=True).encode()
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", data=body if path.startswith("query") else None)
        if not path.startswith("query"):
            request = urllib.request.Request(f"{self.url}/api/v1/{path}?{body.decode()}")
        try:
            answer = json.load(urllib.request.urlopen(request, timeout=30))
        except urllib.error.HTTPError as error:
            answer = json.load(error)
        except OSError as error:
            sys.exit(f"no Prometheus answers at {self.url}: {error}")
        if answer["status"] != "success":
            raise ValueError(f"{answer.get('errorType')}: {answer.get('error')}")
        # Prometheus 2 mixes hints in, of which 3 makes `infos`: the exporter's counters are not called _total.
        warnings = [text for text in answer.get("warnings", []) if not text.startswith("PromQL info:")]
        if warnings:
            raise ValueError(f"warnings: {warnings}")
        return answer["data"]

    def has_data(self, expr):
        """In the last five minutes, as a panel would show it."""
        now = time.time()
        result = self.ask("query_range", query=expr, start=now - 300, end=now, step=15)["result"]
        numbers = [float(value) for series in result for _, value in series.get("values", [])]
        return any(number == number and abs(number) != float("inf") for number in numbers)


def prove_dashboards(prometheus):
    failures = []
    may_be_empty = json.loads((HERE / "may-be-empty.json").read_text())
    print(f"{'dashboard':<20} {'panels':>6} {'with data':>10} {'may be empty, and are':>22}")
    for path in sorted((HERE / "json").glob("*.json")):
        dashboard = json.loads(path.read_text())
        excused = may_be_empty[dashboard["uid"]]
        with_data, empty = set(), set()
        for panel, expr in expressions.of_panels(dashboard):
            try:
                (with_data if prometheus.has_data(expressions.substituted(expr)) else empty).add(panel["title"])
            except ValueError as error:
                failures.append(f"{path.name}: {panel['title']}: {error}\n  {expr}")
        # One of several queries of a panel is enough.
        empty -= with_data
        failures += [f"{path.name}: {title}: no data" for title in sorted(empty) if title not in excused]
        for name, selector, label in expressions.of_variables(dashboard):
            values = prometheus.ask(f"label/{label}/values", **{"match[]": expressions.substituted(selector)})
            if not values:
                failures.append(f"{path.name}: the variable {name} has no values")
        for name, expr in expressions.of_annotations(dashboard):
            try:
                prometheus.has_data(expressions.substituted(expr))
            except ValueError as error:
                failures.append(f"{path.name}: annotation {name}: {error}")
        panels = len(list(expressions.panels(dashboard)))
        print(f"{dashboard['uid']:<20} {panels:>6} {len(with_data):>10} {len(empty & set(excused)):>22}  {', '.join(sorted(empty))}".rstrip())
    return failures


def prove_rules(prometheus, path):
    """Rule files are YAML; promtool's own reading of them is what Prometheus loaded, so it is asked for that."""
    failures, counts = [], {"recording": [0, 0], "alerting": [0, 0]}
    names = set(re.findall(r"^\s*(?:- )?(?:record|alert): (\S+)", path.read_text(), re.M))
    seen = set()
    for group in prometheus.ask("rules")["groups"]:
        for rule in group["rules"]:
            if rule["name"] not in names:
                continue
            seen.add(rule["name"])
            count = counts[rule["type"]]
            count[0] += 1
            if rule["health"] == "err":
                failures.append(f"{path.name}: {rule['name']}: {rule.get('lastError')}")
                continue
            try:
                if prometheus.has_data(rule["query"]):
                    count[1] += 1
                elif rule["type"] == "recording" and rule["name"] not in RULES_MAY_BE_EMPTY:
                    failures.append(f"{path.name}: {rule['name']}: no data")
            except ValueError as error:
                failures.append(f"{path.name}: {rule['name']}: {error}")
    failures += [f"{path.name}: Prometheus has not loaded {name}" for name in sorted(names - seen)]
    for kind, (all_of_them, with_data) in counts.items():
        if all_of_them:
            print(f"{path.name:<20} {all_of_them:>6} {with_data:>10} {kind} rules")
    return failures


# None so far: with a shard, a router and some queries every recording rule has data.
RULES_MAY_BE_EMPTY = {}


def main(url, rules):
    prometheus = Prometheus(url)
    failures = prove_dashboards(prometheus)
    for path in rules:
        failures += prove_rules(prometheus, pathlib.Path(path))
    print("\n".join(failures), file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
