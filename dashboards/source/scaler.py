"""Why the scaler did, or did not, add a shard: values against thresholds, states, and every reason for holding."""

from overview import RULE_STATE_NAMES, RULE_STATE_NUMBER, action_in_progress
from panels import *

X = "sql_autoscaler"

RULES = [
    ("cpu", "CPU", "percent", "Percent of each shard's CPU limit."),
    ("memory", "Memory", "percent", "Percent of each shard's memory limit."),
    ("connections", "Connections", "short", "Open connections of each shard."),
    ("qps", "Queries a second", "reqps", "Statements a second that routers send to each shard."),
    ("rows", "Rows", "short", "Rows of each shard. Without total_entry_threshold_per_shard there is no such rule."),
]


def against_threshold(rule, title, unit, what):
    return lines(
        f"{title} against its threshold",
        f"{what} Above the line for as long as the rule says, the scaler adds a shard. A gap is a value that was not known: it decides nothing.",
        unit,
        [q(f'max by (shard) ({X}_scaler_rule_value{{{CLUSTER},rule="{rule}"}})', "{{shard}}"), q(f'max({X}_scaler_rule_threshold{{{CLUSTER},rule="{rule}"}})', "threshold")],
        per_shard=True, empty="the rule is switched off",
    )


def build():
    mode = " or ".join(f'(max({X}_scaler_mode{{{CLUSTER},mode="{name}"}}) == 1) * {number}' for number, name in enumerate(["auto", "recommend", "off"]))
    return dashboard(
        "sqlas-scaler", "Scaler: why (not)", "Each rule's value against its threshold, the states, what was decided, and every reason for not acting.",
        [
            row(
                "Now",
                number("Mode", "`auto` acts, `recommend` decides and tells, `off` does not decide.", "short", q(mode, "mode"),
                       steps((None, GREEN), (1, AMBER), (2, GREY)), mappings=states((0, "auto", GREEN), (1, "recommend", AMBER), (2, "off", GREY))),
                number("Paused", "By `sql-autoscaler pause`; nothing is added until `resume`.", "short", q(f"max({X}_scaler_paused{{{CLUSTER}}})", "paused"),
                       steps((None, GREEN), (1, AMBER)), mappings=states((0, "no", GREEN), (1, "paused", AMBER))),
                number("Holds the lease", "Only the scaler with the lease on the home shard decides.", "short", q(f"max({X}_scaler_leader{{{CLUSTER}}})", "leader"),
                       steps((None, RED), (1, GREEN)), mappings=states((0, "no", RED), (1, "yes", GREEN))),
                number("Last evaluation", "How long ago all rules were evaluated. Minutes mean that the scaler hangs: the runbook's ScalerNotEvaluating.", "s",
                       q(f"time() - max({X}_scaler_last_evaluation_timestamp_seconds{{{CLUSTER}}})", "ago"), steps((None, GREEN), (60, AMBER), (180, RED))),
                number("Cooldown left", "After a rebalance the scaler rests, so that its effect is seen before the next.", "s",
                       q(f'clamp_min(max({X}_scaler_cooldown_until_timestamp_seconds{{{CLUSTER},direction="out"}}) - time(), 0)', "left"), steps((None, GREEN), (1, BLUE))),
                number("Orphans", "Servers that belong to no shard and were left as they are, because they hold rows or could not be looked at: `sql-autoscaler check` names them.", "short",
                       q(f"max({X}_scaler_orphans{{{CLUSTER}}})", "orphans"), steps((None, GREEN), (1, AMBER))),
                number("Room for shards", "How many may still be added. At 0 the scaler only tells that it would: the runbook's AtMaxShards.", "short",
                       q(f'max({X}_scaler_shards_max{{{CLUSTER}}}) - max({X}_scaler_shards{{{CLUSTER},state="desired"}})', "left"), steps((None, RED), (1, AMBER), (2, GREEN))),
            ),
            row("Values against thresholds", *(against_threshold(*rule) for rule in RULES),
                lines("Age of the values", "How long ago each rule's value was last known for all shards. It grows while Prometheus or an exporter is away.", "s",
                      q(f"time() - (max by (rule) ({X}_scaler_last_success_timestamp_seconds{{{CLUSTER}}}) > 0)", "{{rule}}"), thresholds=steps((None, GREEN), (900, RED)))),
            row(
                "States",
                timeline("Rules", "Each rule's state for each shard (for the cluster, where no shard is named). Firing asks for a shard; unknown decides nothing, settling and warming up wait until a window holds only what came after an action or a gap.",
                         q(f"max by (rule, shard) ({RULE_STATE_NUMBER})", "{{rule}} {{shard}}"), RULE_STATE_NAMES, height=10),
                action_in_progress(),
            ),
            row(
                "Decisions",
                lines("Why nothing was done", "Rounds in which the scaler held, by reason. `calm` is what it should be, `wanted` that a rule asked; `max_shards`, `unsplittable`, `cannot_move` and `futile` need you.", "ops",
                      q(f"sum by (reason) (rate({X}_scaler_suppressed_total{{{CLUSTER}}}[$__rate_interval])) > 0", "{{reason}}"), width=12, stack=True, empty="every round decided to act"),
                lines("Decisions", "By direction; `hold` is one as well.", "ops", q(f"sum by (direction) (rate({X}_scaler_decisions_total{{{CLUSTER}}}[$__rate_interval]))", "{{direction}}"), width=12),
                lines("Actions", "That ended, by result. `undone` left nothing behind; look at `sql-autoscaler decisions`.", "short",
                      q(f"sum by (action, result) (increase({X}_scaler_actions_total{{{CLUSTER}}}[$__rate_interval]))", "{{action}} {{result}}")),
                lines("Tries to create a server", "By result and class of the failure: `quota` needs room, `program` an image or binary, `transient` only time.", "short",
                      q(f"sum by (provisioner, result, class) (increase({X}_scaler_provision_attempts_total{{{CLUSTER}}}[$__rate_interval]))", "{{provisioner}} {{result}} {{class}}"), empty="no server was ever created"),
                lines("How long actions take", "From the decision to the end of the clean-up, whatever the result.", "s",
                      q(f"histogram_quantile(0.95, sum by (le, action) (increase({X}_scaler_action_duration_seconds_bucket{{{CLUSTER}}}[$__range])))", "{{action}} p95"), empty="no action ended in the time shown"),
            ),
            row(
                "Evaluation",
                lines("Evaluations by outcome", "Of each rule, by what came back. All but `ok` make the rule unknown.", "ops",
                      q(f"sum by (outcome) (rate({X}_scaler_evaluations_total{{{CLUSTER}}}[$__rate_interval]))", "{{outcome}}"), width=12, stack=True),
                lines("Routers that do not tell the load of slots", "Above 0 for long: a router is away, or the scaler's `routers` is not up to date. Without any, hot shards are split by the number of their slots.", "short",
                      q(f"max by (cluster) ({X}_scaler_silent_routers{{{CLUSTER}}})", "silent"), width=12),
                lines("Queries that name slots", "Counted by the routers, a second. What names none, as a scatter does, cannot be told apart by slots.", "ops",
                      q(f"sum(rate({X}_router_slot_queries_total{{{CLUSTER}}}[$__rate_interval]))", "queries"), width=12),
                lines("How long a round takes", "Evaluating all rules once.", "s", quantiles(f"{X}_scaler_evaluation_duration_seconds", CLUSTER), width=12),
            ),
        ],
        shard_variable=None,
    )
