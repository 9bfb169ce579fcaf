"""What is wrong with the dashboards, after Grafana's dashboard-linter where it has a rule for it: lint.py FOLDER.

Its rules about `job` and `instance` are left out: a cluster is told by `cluster` and `shard`, whatever the jobs of
somebody's Prometheus are called.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import expressions

# Grafana's names of units, those that we use.
UNITS = {"short", "percent", "percentunit", "s", "bytes", "Bps", "reqps", "ops", "rowsps"}
# The windows of burn rates are their definition, and what is left of a budget is of the time shown.
SLO_WINDOWS = {"5m", "1h", "6h", "$__range"}
# What the model has no field for: how Prometheus annotations were written before Grafana 8, which every version since
# reads, and a copy of a variable's query for its editor.
UNMODELLED = {".annotations.list[].step", ".annotations.list[].titleFormat", ".annotations.list[].textFormat", ".templating.list[].definition"}


def known_metrics(root):
    """What we register, and what a recorded scrape of the exporter had."""
    scalers, routers = (
        "\n".join(path.read_text() for path in sorted((root / crate / "src/metrics").rglob("*.rs")))
        for crate in ("scaler", "router")
    )
    registering = r'\b(?:gauges?|counters?|histograms?)\(\s*"([a-z_]+)"'
    ours = {f"sql_autoscaler_{name}" for name in re.findall(registering, scalers)}
    ours |= set(re.findall(r'"(sql_autoscaler_[a-z_]+)"', routers))
    exporter = (root / "dashboards/source/exporter-metrics.txt").read_text().split()
    return ours | set(exporter)


def lint(folder, root):
    problems = []
    known = known_metrics(root)
    uids, exprs, links = {}, [], []
    may_be_empty = json.loads((folder / "may-be-empty.json").read_text())
    for path in sorted((folder / "json").glob("*.json")):
        text = path.read_text()
        dashboard = json.loads(text)

        def wrong(message, panel=None, name=path.name):
            problems.append(f"{name}: {panel['title'] + ': ' if panel else ''}{message}")

        if uids.setdefault(dashboard["uid"], path.name) != path.name:
            wrong(f"the uid is also that of {uids[dashboard['uid']]}")
        if "__inputs" in text or "${DS_" in text:
            wrong("provisioned files must not have inputs: Grafana leaves them unresolved")
        if dashboard["id"] is not None or dashboard["editable"]:
            wrong("it must have no id and not be editable")
        if dashboard["schemaVersion"] < 39:
            wrong("the schema is older than Grafana 11's")
        if "sql-autoscaler" not in dashboard["tags"]:
            wrong("without the tag that links the dashboards")
        lint_variables(dashboard, known, wrong)
        lint_grid(dashboard, wrong)
        titles = [panel["title"] for panel in expressions.panels(dashboard)]
        for title in {title for title in titles if titles.count(title) > 1}:
            wrong(f"two panels are called {title}")
        for panel in expressions.panels(dashboard):
            if not all(by_variable(each) for each in [panel, *panel["targets"]]):
                wrong("not by the variable datasource", panel)
            if not panel["title"] or len(panel.get("description", "")) < 12:
                wrong("no title or description", panel)
            defaults = panel["fieldConfig"]["defaults"]
            if defaults.get("unit") not in UNITS:
                wrong(f"unit {defaults.get('unit')}", panel)
            if not panel["targets"]:
                wrong("no queries", panel)
            links += [(path.name, panel["title"], link["url"]) for link in defaults.get("links", [])]
        for title in set(may_be_empty.get(dashboard["uid"], {})) - set(titles):
            wrong(f"no panel {title} that may be empty")
        for annotation in dashboard["annotations"]["list"]:
            if not by_variable(annotation):
                wrong(f"the annotation {annotation['name']} has a data source of its own")
        for panel, expr in expressions.of_panels(dashboard):
            lint_windows(dashboard["uid"], expr, lambda message, panel=panel: wrong(message, panel))
        for name, expr in [*((p["title"], e) for p, e in expressions.of_panels(dashboard)), *expressions.of_annotations(dashboard)]:
            exprs.append((f"{path.name}: {name}", expr))
            for problem in wrong_selectors(expr, known):
                wrong(f"{name}: {problem}")
    for name, title, url in links:
        if (linked := re.match(r"/d/([\w-]+)", url)) is None or linked[1] not in uids:
            problems.append(f"{name}: {title}: links to {url}, which is none of ours")
    problems += lint_provisioning(folder)
    problems += lint_syntax(exprs)
    problems += lint_model(folder)
    return problems


def by_variable(part):
    return part.get("datasource") == {"type": "prometheus", "uid": "${datasource}"}


def lint_windows(uid, expr, wrong):
    for function, window in re.findall(r"(\w+)\([^()]*\[([^\]]+)\]", expr):
        # An increase over the time shown is a number of events, which is what its panel says.
        allowed = {"$__rate_interval"} | (SLO_WINDOWS if uid == "sqlas-slo" else set()) | ({"$__range"} if function == "increase" else set())
        if window not in allowed:
            wrong(f"the window {window} of {function} does not follow the zoom")
    if re.search(r"\)\s*\[", expr):
        wrong("a subquery costs as many queries as it has steps")


def wrong_selectors(expr, known):
    """What is wrong with the metrics of an expression: each is known, of the chosen cluster, and a rate if it counts."""
    for selector in re.finditer(r"\b([a-zA-Z_:][\w:]*)(\{[^}]*\})", expr):
        metric, matchers = selector.groups()
        base = re.sub(r"_(bucket|count|sum)$", "", metric)
        if metric not in known and base not in known:
            yield f"nobody exports {metric}"
        if 'cluster=~"$cluster"' not in matchers:
            yield f"{metric} is not selected by cluster"
        counts = metric.endswith("_total") or base != metric
        if counts and not re.search(r"\b(rate|increase|irate)\(\s*$", expr[: selector.start()]):
            yield f"{metric} is a counter and not within a rate"
    for metric in expressions.metrics_in(re.sub(r"[\w:]+\{[^}]*\}", "", expr)):
        yield f"{metric} is not selected by cluster"


def lint_variables(dashboard, known, wrong):
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    source = variables.get("datasource", {})
    if source.get("type") != "datasource" or source.get("query") != "prometheus" or source.get("label") != "Data source":
        wrong("no variable for the data source")
    for name, variable in variables.items():
        if variable["type"] == "query" and (variable["refresh"] != 2 or variable["datasource"]["uid"] != "${datasource}"):
            wrong(f"the variable {name} does not follow the time shown, or has a data source of its own")
    cluster = variables.get("cluster", {})
    if not cluster.get("multi") or not cluster.get("includeAll") or cluster.get("allValue") != ".*":
        wrong("all clusters must match those without a name too")
    for name, selector, _ in expressions.of_variables(dashboard):
        if (metric := re.match(r"\w+", selector)[0]) not in known:
            wrong(f"the variable {name}: nobody exports {metric}")


def lint_grid(dashboard, wrong):
    ids, taken = set(), {}
    for panel in [*dashboard["panels"], *(p for row in dashboard["panels"] if row["type"] == "row" for p in row["panels"])]:
        if panel["id"] in ids:
            wrong("the id is not unique", panel)
        ids.add(panel["id"])
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        if at["x"] < 0 or at["x"] + at["w"] > 24 or at["w"] < 1 or at["h"] < 1:
            wrong("outside of the grid", panel)
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                if taken.setdefault((x, y), panel["id"]) != panel["id"]:
                    return wrong("overlaps another panel", panel)


def lint_provisioning(folder):
    source = (folder / "provisioning/datasources/prometheus.yaml").read_text()
    provider = (folder / "provisioning/dashboards/sql-autoscaler.yaml").read_text()
    compose = (folder.parent / "compose/compose.yaml").read_text()
    problems = []
    if "uid: prometheus\n" not in source or "url: http://prometheus:9090\n" not in source:
        problems.append("provisioning: the data source has not the uid and address of the stack's Prometheus")
    mounted = re.search(r"path: (\S+)", provider)[1]
    if f"../dashboards/json:{mounted}:ro" not in compose or "../dashboards/provisioning:/etc/grafana/provisioning:ro" not in compose:
        problems.append("provisioning: the compose stack does not mount what the provider reads")
    return problems


def lint_syntax(exprs):
    """By promtool, which reads PromQL as Prometheus does."""
    rules, problems = [], []
    for name, expr in exprs:
        try:
            rules.append({"record": f"check:number:{len(rules)}", "expr": expressions.substituted(expr)})
        except ValueError as error:
            problems.append(f"{name}: {error}")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        # JSON is YAML.
        json.dump({"groups": [{"name": "check", "rules": rules}]}, file)
        file.flush()
        checked = subprocess.run(["promtool", "check", "rules", "--lint=none", file.name], capture_output=True, text=True, check=False)
    return problems if checked.returncode == 0 else [*problems, f"promtool: {checked.stdout}{checked.stderr}"]


def lint_model(folder):
    """Grafana's own typed model, read and written again, keeps everything that we say."""
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.cog.runtime import Runtime
    from grafana_foundation_sdk.models.dashboard import Dashboard

    # Without its plugins the model takes a panel's options and queries for opaque and keeps whatever they are.
    register_default_plugins()
    problems = []
    for path in sorted((folder / "json").glob("*.json")):
        ours = json.loads(path.read_text())
        for panel in expressions.panels(ours):
            if Runtime().panelcfg_config(panel["type"]) is None:
                problems.append(f"{path.name}: {panel['title']}: Grafana has no panel {panel['type']}")
        theirs = json.loads(json.dumps(Dashboard.from_json(ours), cls=JSONEncoder))
        problems += [f"{path.name}: Grafana's model loses {where}: {what}" for where, what in lost(ours, theirs) if where not in UNMODELLED]
    return problems


def lost(ours, theirs, where=""):
    """(path, value) of all in `ours` that is not in `theirs`. The model leaves out what is empty."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key in theirs:
                yield from lost(value, theirs[key], f"{where}.{key}")
            elif value not in (None, "", False, [], {}):
                yield f"{where}.{key}", value
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for mine, model in zip(ours, theirs):
            yield from lost(mine, model, f"{where}[]")
    elif ours != theirs:
        yield where, ours


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1]).resolve()
    found = lint(folder, pathlib.Path(__file__).resolve().parents[2])
    print("\n".join(found), file=sys.stderr)
    sys.exit(1 if found else 0)
