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
# The windows of burn rates are their definition; a range over the time shown is what its panel says.
FIXED_WINDOWS = {"$__rate_interval", "$__interval", "$__range"}
SLO_WINDOWS = {"5m", "1h", "6h"}


def known_metrics(root):
    """What we register, and what a recorded scrape of the exporter had."""
    families = (root / "scaler/src/metrics/families.rs").read_text()
    ours = {f"sql_autoscaler_{name}" for name in re.findall(r'"([a-z_]+)",', families) if "_" in name}
    ours |= {f"sql_autoscaler_{name}" for name in re.findall(r'\(\s*"([a-z_]+)"', families)}
    ours |= set(re.findall(r'"(sql_autoscaler_[a-z_]+)"', (root / "router/src/metrics.rs").read_text()))
    exporter = (root / "dashboards/source/exporter-metrics.txt").read_text().split()
    return ours | set(exporter)


def lint(folder, root):
    problems = []
    known = known_metrics(root)
    uids, exprs = {}, []
    used = set()
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
        lint_variables(dashboard, wrong)
        lint_grid(dashboard, wrong)
        titles = [panel["title"] for panel in expressions.panels(dashboard)]
        for title in {title for title in titles if titles.count(title) > 1}:
            wrong(f"two panels are called {title}")
        for panel in expressions.panels(dashboard):
            if panel["datasource"]["uid"] != "${datasource}" or any(t["datasource"]["uid"] != "${datasource}" for t in panel["targets"]):
                wrong("not by the variable datasource", panel)
            if not panel["title"] or len(panel["description"]) < 12:
                wrong("no title or description", panel)
            if panel["fieldConfig"]["defaults"]["unit"] not in UNITS:
                wrong(f"unit {panel['fieldConfig']['defaults']['unit']}", panel)
            if not panel["targets"]:
                wrong("no queries", panel)
        for panel, expr in expressions.of_panels(dashboard):
            for window in re.findall(r"\[([^\]]+)\]", expr):
                if window not in FIXED_WINDOWS and not (dashboard["uid"] == "sqlas-slo" and window in SLO_WINDOWS):
                    wrong(f"the window {window} does not follow the zoom", panel)
            for counter in re.finditer(r"(\w+)\(\s*(\w+_(?:total|bucket|count|sum))\b", expr):
                if counter[2].startswith("sql_autoscaler_") and counter[1] not in {"rate", "increase", "irate"}:
                    wrong(f"{counter[2]} is a counter and {counter[1]} is not a rate", panel)
            if "cluster=~" not in expr:
                wrong("it does not select by cluster", panel)
        for name, expr in [*((p["title"], e) for p, e in expressions.of_panels(dashboard)), *expressions.of_annotations(dashboard)]:
            exprs.append((f"{path.name}: {name}", expr))
            for metric in expressions.metrics_in(expr):
                base = re.sub(r"_(bucket|count|sum)$", "", metric)
                used.add(base)
                if metric not in known and base not in known:
                    wrong(f"{name}: nobody exports {metric}")
    problems += lint_provisioning(folder)
    problems += lint_syntax(exprs)
    problems += lint_model(folder)
    return problems


def lint_variables(dashboard, wrong):
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    source = variables.get("datasource", {})
    if source.get("type") != "datasource" or source.get("query") != "prometheus" or source.get("label") != "Data source":
        wrong("no variable for the data source")
    for name, variable in variables.items():
        if variable["type"] == "query" and (variable["refresh"] != 2 or variable["datasource"]["uid"] != "${datasource}"):
            wrong(f"the variable {name} does not follow the time shown, or has a data source of its own")


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
    rules = [{"record": f"check:number:{number}", "expr": expressions.substituted(expr)} for number, (_, expr) in enumerate(exprs)]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        # JSON is YAML.
        json.dump({"groups": [{"name": "check", "rules": rules}]}, file)
        file.flush()
        checked = subprocess.run(["promtool", "check", "rules", "--lint=none", file.name], capture_output=True, text=True, check=False)
    return [] if checked.returncode == 0 else [f"promtool: {checked.stdout}{checked.stderr}"]


def lint_model(folder):
    """Grafana's own typed model keeps everything that we say of a panel."""
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import Dashboard

    problems = []
    for path in sorted((folder / "json").glob("*.json")):
        ours = json.loads(path.read_text())
        theirs = json.loads(json.dumps(Dashboard.from_json(ours), cls=JSONEncoder))
        for key in ["uid", "title", "tags", "schemaVersion", "time", "refresh"]:
            if ours[key] != theirs.get(key):
                problems.append(f"{path.name}: Grafana's model reads {key} as {theirs.get(key)}")
        if len(ours["panels"]) != len(theirs["panels"]) or len(ours["templating"]["list"]) != len(theirs["templating"]["list"]):
            problems.append(f"{path.name}: Grafana's model drops panels or variables")
        for mine, model in zip(ours["panels"], theirs["panels"]):
            for key in ["title", "type", "id", "gridPos", "description"]:
                if mine.get(key) != model.get(key):
                    problems.append(f"{path.name}: {mine['title']}: Grafana's model reads {key} as {model.get(key)}")
            if [target["expr"] for target in mine.get("targets", [])] != [target.get("expr") for target in model.get("targets", []) or []]:
                problems.append(f"{path.name}: {mine['title']}: Grafana's model reads other queries")
            unit = mine.get("fieldConfig", {}).get("defaults", {}).get("unit")
            if unit != (model.get("fieldConfig") or {}).get("defaults", {}).get("unit"):
                problems.append(f"{path.name}: {mine['title']}: Grafana's model reads another unit")
    return problems


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1]).resolve()
    found = lint(folder, pathlib.Path(__file__).resolve().parents[2])
    print("\n".join(found), file=sys.stderr)
    sys.exit(1 if found else 0)
