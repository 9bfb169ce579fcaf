"""The few building blocks that every dashboard is made of, so that all of them look and behave alike.

A dashboard is a list of rows, a row a title and panels. Panels flow from left to right on Grafana's
grid of 24 columns; nothing is placed by hand.
"""

GREEN, AMBER, RED, BLUE, GREY = "green", "orange", "red", "blue", "text"

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

# Selectors. `cluster` comes from the scrape; where somebody's Prometheus does not attach it, its
# "all" value still matches.
CLUSTER = 'cluster=~"$cluster"'
SHARD = CLUSTER + ',shard=~"$shard"'

# A scaler that lost its lease keeps showing what it saw last, so what several show of one shard counts once.
SLOTS = f"max by (cluster, shard) (sql_autoscaler_shard_slots{{{SHARD}}})"
ROWS = f"max by (cluster, shard, table) (sql_autoscaler_shard_rows{{{SHARD}}})"
ALL_SLOTS, ALL_ROWS = (expr.replace(SHARD, CLUSTER) for expr in (SLOTS, ROWS))

# Where a per-shard series leads when it is clicked.
TO_SHARD = {
    "title": "${__field.labels.shard} in detail",
    "url": "/d/sqlas-shard?var-shard=${__field.labels.shard}&${cluster:queryparam}&${datasource:queryparam}&${__url_time_range}",
}


def q(expr, legend="", instant=False, **more):
    """One query. `legend` is Grafana's format of it, such as `{{shard}}`."""
    target = {"expr": expr, "legendFormat": legend or "__auto", "datasource": DATASOURCE, **more}
    if instant:
        target.update(instant=True, range=False)
    else:
        target.update(range=True)
    return target


def steps(*pairs):
    """Thresholds: (None, GREEN), (0.8, AMBER), … from low to high. Colour means good, watch, act."""
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in pairs]}


PLAIN = steps((None, GREEN))
SHARE = steps((None, GREEN), (0.7, AMBER), (0.85, RED))


def panel(kind, title, description, unit, targets, width, height, options, custom=None, thresholds=None, empty=None, **defaults):
    """Any panel. `empty` is the reason why it may have no data in a healthy cluster."""
    targets = [targets] if isinstance(targets, dict) else targets
    for ref, target in zip("ABCDEFGHIJ", targets):
        target["refId"] = ref
    field = {"unit": unit, "color": {"mode": "palette-classic"}, "thresholds": thresholds or PLAIN, **defaults}
    if custom is not None:
        field["custom"] = custom
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": targets,
        "gridPos": {"w": width, "h": height},
        "fieldConfig": {"defaults": field, "overrides": []},
        "options": options,
        "_empty": empty,
    }


def lines(title, description, unit, targets, width=8, height=8, thresholds=None, stack=False, per_shard=False, limit=None, empty=None, **defaults):
    """Values over time. With `per_shard` the legend is a short sorted table, so 50 shards still fit, and each
    series leads to its shard. With `limit` the thresholds are drawn as lines."""
    custom = {
        "drawStyle": "line", "lineWidth": 1, "fillOpacity": 30 if stack else 8, "showPoints": "never",
        "spanNulls": False, "stacking": {"mode": "normal" if stack else "none"},
        "thresholdsStyle": {"mode": "line" if limit else "off"},
    }
    legend = {"displayMode": "table" if per_shard else "list", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull", "max"] if per_shard else []}
    if per_shard:
        legend.update(sortBy="Last *", sortDesc=True)
        defaults.setdefault("links", [TO_SHARD])
    options = {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    defaults.setdefault("min", 0)
    return panel("timeseries", title, description, unit, targets, width, height, options, custom, thresholds, empty, **defaults)


def number(title, description, unit, target, thresholds=None, width=4, height=4, mappings=None, empty=None, background=True, text="auto", **defaults):
    """One number, now, with its recent course behind it."""
    options = {
        "colorMode": "background" if background and thresholds else "value", "graphMode": "area", "justifyMode": "auto",
        "textMode": text, "orientation": "auto", "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    result = panel("stat", title, description, unit, target, width, height, options, None, thresholds, empty, **defaults)
    result["fieldConfig"]["defaults"]["color"] = {"mode": "thresholds"}
    if mappings:
        result["fieldConfig"]["defaults"]["mappings"] = mappings
    return result


def bars(title, description, unit, target, thresholds=None, width=8, height=8, empty=None, **defaults):
    """One bar for each shard, now."""
    options = {
        "displayMode": "basic", "orientation": "horizontal", "showUnfilled": True, "valueMode": "color", "minVizHeight": 14,
        "maxVizHeight": 32, "sizing": "manual", "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    defaults.setdefault("min", 0)
    defaults.setdefault("links", [TO_SHARD])
    result = panel("bargauge", title, description, unit, target, width, height, options, None, thresholds, empty, **defaults)
    result["fieldConfig"]["defaults"]["color"] = {"mode": "thresholds"}
    return result


def timeline(title, description, targets, mappings, width=24, height=8, empty=None, **defaults):
    """States over time, one line for each series."""
    options = {
        "mergeValues": True, "showValue": "auto", "alignValue": "left", "rowHeight": 0.8,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "single"},
    }
    custom = {"fillOpacity": 80, "lineWidth": 0}
    return panel("state-timeline", title, description, "short", targets, width, height, options, custom, None, empty, mappings=mappings, **defaults)


def heatmap(title, description, target, width=12, height=8, empty=None):
    options = {
        "calculate": False, "cellGap": 1, "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
        "yAxis": {"unit": "s", "axisPlacement": "left"}, "legend": {"show": True}, "tooltip": {"mode": "single", "yHistogram": False},
        "rowsFrame": {"layout": "auto"}, "showValue": "never",
    }
    target["format"] = "heatmap"
    custom = {"scaleDistribution": {"type": "linear"}}
    return panel("heatmap", title, description, "short", target, width, height, options, custom, None, empty)


def table(title, description, targets, columns, width=12, height=8, empty=None):
    """Series as rows. `columns` maps a label or value to its heading, in order; all others are hidden."""
    result = panel("table", title, description, "short", targets, width, height, {"showHeader": True, "cellHeight": "sm"}, {"align": "auto", "filterable": False}, None, empty)
    for target in result["targets"]:
        target.update(format="table", instant=True, range=False)
    order = {name: index for index, name in enumerate(columns)}
    result["transformations"] = [
        {"id": "merge", "options": {}},
        {"id": "filterFieldsByName", "options": {"include": {"names": list(columns)}}},
        {"id": "organize", "options": {"indexByName": order, "renameByName": columns, "excludeByName": {}}},
    ]
    return result


def states(*entries):
    """Value mappings: (value, text, color), …"""
    options = {str(value): {"text": text, "color": color, "index": index} for index, (value, text, color) in enumerate(entries)}
    return [{"type": "value", "options": options}]


def quantiles(metric, selector, *by):
    """p50, p95 and p99 of a histogram."""
    grouped = ", ".join(("le", *by))
    return [
        q(f"histogram_quantile({share}, sum by ({grouped}) (rate({metric}_bucket{{{selector}}}[$__rate_interval])))", f"p{int(share * 100)}")
        for share in (0.5, 0.95, 0.99)
    ]


def row(title, *panels, collapsed=False):
    return {"title": title, "panels": list(panels), "collapsed": collapsed}


def variable(name, label, query, multi, all_value):
    result = {
        "type": "query", "name": name, "label": label, "datasource": DATASOURCE, "query": {"query": query, "refId": name},
        "definition": query, "refresh": 2, "sort": 7, "multi": multi, "includeAll": all_value is not None, "hide": 0,
        "regex": "", "options": [],
    }
    if all_value is not None:
        result.update(allValue=all_value, current={"text": "All", "value": "$__all"})
    return result


def annotation(name, expr, color, title, text):
    return {
        "name": name, "datasource": DATASOURCE, "enable": True, "hide": False, "iconColor": color, "expr": expr,
        "step": "10s", "titleFormat": title, "textFormat": text, "tagKeys": "", "useValueForTime": False,
    }


# A change is a step whose value is not that of the step before. `changes()` over a step would compare only samples within
# it, which misses what changes between two steps, and the first action, whose series has no value before. Looking back
# an hour keeps a gap in the scrapes from looking like a change.
def before(series):
    return f"last_over_time({series}[1h] offset $__interval)"


def ended(result):
    series = f"sql_autoscaler_scaler_last_action_timestamp_seconds{{{CLUSTER},{result}}}"
    by = "max by (cluster, action, result)"
    return f"{by} ({series}) unless {by} ({series}) == {by} ({before(series)})"


EPOCH = f"sql_autoscaler_scaler_topology_epoch{{{CLUSTER}}}"

ANNOTATIONS = [
    annotation("Actions that succeeded", ended('result="succeeded"'), GREEN, "{{action}}", "the scaler finished: {{action}}"),
    annotation("Actions that failed", ended('result!="succeeded"'), RED, "{{action}} {{result}}", "the scaler gave up: {{action}} {{result}}"),
    annotation(
        "Topology changed",
        f"max by (cluster) ({EPOCH}) != max by (cluster) ({before(EPOCH)})",
        BLUE, "topology changed", "a shard joined, a move began or slots changed owner",
    ),
]


def dashboard(uid, title, description, rows, shard_variable="multi", time="now-1h"):
    """The dashboard as Grafana's classic JSON, and {panel title: reason} of what may be empty."""
    panels, may_be_empty, y, number_of = [], {}, 0, 1
    for each in rows:
        heading = {"type": "row", "id": number_of, "title": each["title"], "collapsed": each["collapsed"], "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}, "panels": []}
        number_of += 1
        y += 1
        placed, x, line = [], 0, 0
        for one in each["panels"]:
            size = one["gridPos"]
            if x + size["w"] > 24:
                x, y, line = 0, y + line, 0
            one["gridPos"] = {"x": x, "y": y, **size}
            one["id"] = number_of
            number_of += 1
            x, line = x + size["w"], max(line, size["h"])
            reason = one.pop("_empty")
            if reason:
                may_be_empty[one["title"]] = reason
            placed.append(one)
        y += line
        if each["collapsed"]:
            heading["panels"] = placed
            panels.append(heading)
        else:
            panels += [heading, *placed]
    variables = [
        {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "hide": 0, "refresh": 1, "regex": "", "options": [], "multi": False, "includeAll": False},
        variable("cluster", "Cluster", "label_values(sql_autoscaler_scaler_topology_epoch, cluster)", True, ".*"),
    ]
    if shard_variable:
        query = f"label_values(sql_autoscaler_shard_slots{{{CLUSTER}}}, shard)"
        variables.append(variable("shard", "Shard", query, shard_variable == "multi", ".+" if shard_variable == "multi" else None))
    link = {"type": "dashboards", "title": "sql-autoscaler", "tags": ["sql-autoscaler"], "asDropdown": True, "includeVars": True, "keepTime": True, "targetBlank": False, "icon": "external link", "tooltip": "", "url": ""}
    return {
        "id": None, "uid": uid, "title": f"sql-autoscaler / {title}", "description": description, "tags": ["sql-autoscaler"],
        "schemaVersion": 39, "editable": False, "graphTooltip": 1, "refresh": "10s", "time": {"from": time, "to": "now"},
        "timezone": "browser", "timepicker": {}, "fiscalYearStartMonth": 0, "links": [link],
        "templating": {"list": variables}, "annotations": {"list": ANNOTATIONS}, "panels": panels,
    }, may_be_empty
