"""Every PromQL expression of a dashboard, with Grafana's variables replaced as Grafana would."""

import re

# As at a scrape interval of 5 s and the last five minutes shown.
VALUES = {
    "$__rate_interval": "1m", "$__interval": "15s", "$__range": "5m", "$cluster": ".*", "$shard": ".+",
    "${datasource}": "prometheus",
}


def substituted(expr):
    for name, value in VALUES.items():
        expr = expr.replace(name, value)
    if "$" in expr:
        raise ValueError(f"unknown variable in {expr}")
    return expr


def panels(dashboard):
    """Every panel that shows something, those of collapsed rows too."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def of_panels(dashboard):
    """(panel, expression) of each query."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield panel, target["expr"]


def of_variables(dashboard):
    """(variable, selector, label) of each `label_values(selector, label)`."""
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()
            yield variable["name"], selector, label


def of_annotations(dashboard):
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


def metrics_in(expr):
    """The names of metrics: words before a selector or a range, or of one of the known prefixes."""
    return set(re.findall(r"\b((?:sql_autoscaler|mysql)_\w+|up)\b", re.sub(r'"[^"]*"', '""', expr)))
