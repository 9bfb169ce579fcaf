"""How the cluster is doing: the router's rate, errors and duration, each shard's use of what it has, and what the
scaler makes of it."""

from panels import *

X = "sql_autoscaler"

RULE_STATES = ["inactive", "pending", "firing", "unknown", "warming_up", "settling", "invalid"]
RULE_STATE_NUMBER = " or ".join(
    f'(max by (rule, shard) ({X}_scaler_rule_state{{{CLUSTER},state="{state}"}} == 1) * {index})'
    for index, state in enumerate(RULE_STATES)
)
RULE_STATE_NAMES = states(
    (0, "inactive", GREEN), (1, "pending", AMBER), (2, "firing", RED), (3, "unknown", GREY), (4, "warming up", BLUE),
    (5, "settling", BLUE), (6, "invalid", "purple"),
)

FAILURES = 'reason=~"overloaded|shard_unavailable|timeout|outcome_unknown|internal"'


def action_in_progress():
    phases = " or ".join(
        f'(max({X}_scaler_action_phase{{{CLUSTER},phase="{name}"}}) == 1) * {number}'
        for number, name in enumerate(["create", "join", "move", "undo", "retire", "destroy"], 1)
    )
    return timeline(
        "Action in progress", "The phases of adding a shard: create the server, join it, move rows; undo takes all of it back. A drain moves rows, retires the shard and destroys its server.",
        q(f"({phases}) or vector(0)", "action"),
        states((0, "none", GREY), (1, "create", BLUE), (2, "join", BLUE), (3, "move", GREEN), (4, "undo", RED), (5, "retire", BLUE), (6, "destroy", BLUE)), height=4,
    )


def build():
    return dashboard(
        "sqlas-overview", "Overview",
        "The router by rate, errors and duration, the shards by utilisation and saturation, and what the scaler thinks.",
        [
            row(
                "Now",
                number("Shards that answer", "The share of the shards that answered the scaler's last look. Below 100 % statements that need the others' rows fail; the runbook's ShardDown says what to do.", "percentunit",
                       q(f"sum({X}_shard_up{{{CLUSTER}}}) / count({X}_shard_up{{{CLUSTER}}})", "answering"), steps((None, RED), (1, GREEN))),
                number("Shards", "Shards that serve. It rises when the scaler has added one.", "short",
                       q(f'max({X}_scaler_shards{{{CLUSTER},state="ready"}})', "serving"), background=False),
                number("Queries", "Queries that the routers answered a second, over all of them.", "reqps",
                       q(f"sum(rate({X}_router_queries_total{{{CLUSTER}}}[$__rate_interval]))", "answered"), background=False),
                number("Failures", "The share of queries that failed for a fault of the service: a shard away, overload, a timeout. Clients' own mistakes do not count.", "percentunit",
                       q(f"(sum(rate({X}_router_query_errors_total{{{CLUSTER},{FAILURES}}}[$__rate_interval])) / (sum(rate({X}_router_query_errors_total{{{CLUSTER},{FAILURES}}}[$__rate_interval])) + sum(rate({X}_router_queries_total{{{CLUSTER}}}[$__rate_interval])) > 0)) or vector(0)", "failed"),
                       steps((None, GREEN), (0.001, AMBER), (0.01, RED))),
                number("Slowest 1 %", "99 of 100 queries are answered within this time, all routes together.", "s",
                       q(f"histogram_quantile(0.99, sum by (le) (rate({X}_router_query_duration_seconds_bucket{{{CLUSTER}}}[$__rate_interval])))", "p99"),
                       steps((None, GREEN), (0.1, AMBER), (0.5, RED)), empty="no query was answered in the time shown"),
                number("Epochs behind", "How many topologies the slowest router is behind the newest. A router learns of a change within a second; more than a moment above 0 is the runbook's EpochDisagreement.", "short",
                       q(f"max(max by (cluster) ({X}_scaler_topology_epoch{{{CLUSTER}}} or {X}_router_topology_epoch{{{CLUSTER}}}) - min by (cluster) ({X}_router_topology_epoch{{{CLUSTER}}}))", "behind"),
                       steps((None, GREEN), (1, AMBER), (2, RED))),
            ),
            row(
                "Router: rate, errors, duration",
                lines("Queries by route", "Answered queries. `single` goes to one shard and scales with their number, `scatter` asks all of them: many of those mean that statements do not name the sharding key.", "reqps",
                      q(f"sum by (route) (rate({X}_router_queries_total{{{CLUSTER}}}[$__rate_interval]))", "{{route}}"), stack=True),
                lines("Errors by reason", "Queries that were refused or failed. `unsupported` and `parse_error` are the client's, `shard_unavailable`, `overloaded`, `timeout` and `internal` are ours.", "reqps",
                      q(f"sum by (reason) (rate({X}_router_query_errors_total{{{CLUSTER}}}[$__rate_interval])) > 0 or sum by (reason) (rate({X}_router_query_errors_total{{{CLUSTER},{FAILURES}}}[$__rate_interval]))", "{{reason}}"), stack=True),
                lines("Duration", "From a request's arrival to the end of its answer.", "s",
                      quantiles(f"{X}_router_query_duration_seconds", CLUSTER), thresholds=steps((None, GREEN), (0.1, RED)), limit=True, empty="no query was answered in the time shown"),
                lines("Reads and writes", "Answered queries by what they do.", "reqps",
                      q(f"sum by (kind) (rate({X}_router_queries_total{{{CLUSTER}}}[$__rate_interval]))", "{{kind}}"), stack=True),
                lines("Queries at once", "Being answered at this moment, by router. At max_concurrent_queries further ones wait, and then get 503.", "short",
                      q(f"sum by (instance) ({X}_router_active_queries{{{CLUSTER}}})", "{{instance}}")),
                lines("Run again", "Statements that were run a second time because their rows changed owner meanwhile. Some at each cutover are right; a steady rate is not.", "ops",
                      q(f"sum by (reason) (rate({X}_router_retries_total{{{CLUSTER}}}[$__rate_interval]))", "{{reason}}")),
                lines("Memory held", "What the routers hold for clients, by what it is: bodies of requests, statements being read, answers, rows and variables of sessions. All of it together is at most max_memory_bytes for each router.", "bytes",
                      q(f"sum by (kind) ({X}_router_held_bytes{{{CLUSTER}}})", "{{kind}}"), stack=True),
                lines("No room", "Requests that were refused because max_memory_bytes, or one client's share of it, was full.", "ops",
                      q(f"sum by (kind) (rate({X}_router_memory_refusals_total{{{CLUSTER}}}[$__rate_interval]))", "{{kind}}")),
                lines("Rows gathered", "Rows copied to the first shard for reads that no merge answers: joins and subqueries across shards, windows, WITH. A steady high rate costs that shard; sharding keys or conditions in those statements lower it (POST /explain shows why one is gathered).", "ops",
                      q(f"sum by (instance) (rate({X}_router_gathered_rows_total{{{CLUSTER}}}[$__rate_interval]))", "{{instance}}")),
            ),
            row(
                "Transactions over several shards",
                lines("Ended", "Transactions over several shards by their end. `rolled_back` counts those that failed before their decision, which changed nothing; `unknown` those whose deciding shard was lost at its commit: their clients got outcome_unknown.", "ops",
                      q(f"sum by (outcome) (rate({X}_router_transactions_total{{{CLUSTER}}}[$__rate_interval]))", "{{outcome}}")),
                lines("In doubt", "Prepared parts that wait for their router, as the routers saw it last. One that stays for longer than in_doubt_timeout_ms is brought to its end; a lasting one is the runbook's BranchInDoubt.", "short",
                      q(f"max by (instance) ({X}_router_branches_in_doubt{{{CLUSTER}}})", "{{instance}}")),
                lines("Left behind", "Parts that another process brought to their end, because their router was gone. More than a few after a router's death: routers lose their connections to shards.", "ops",
                      q(f'sum by (event) (rate({X}_router_branches_total{{{CLUSTER},event=~"recovered_.*"}}[$__rate_interval]))', "{{event}}")),
                lines("Read again", "Reads over several shards that met a transaction half-way and read again. It rises with both; a read that may see a half says so with consistency=shard.", "ops",
                      q(f"sum by (instance) (rate({X}_router_rereads_total{{{CLUSTER}}}[$__rate_interval]))", "{{instance}}")),
                lines("Sessions", "Open sessions by router, at most max_sessions.", "short",
                      q(f"sum by (instance) ({X}_router_sessions{{{CLUSTER}}})", "{{instance}}")),
                lines("Expired transactions", "Open transactions that were rolled back because their session was idle for too long: clients that went away, or that think for longer than session_idle_timeout_ms.", "ops",
                      q(f"sum by (instance) (rate({X}_router_sessions_expired_total{{{CLUSTER}}}[$__rate_interval]))", "{{instance}}")),
            ),
            row(
                "Shards: what they use of what they have",
                lines("CPU", "Of each shard's limit. Above the rule's threshold for a minute the scaler splits the shard.", "percentunit",
                      q(f"max by (shard) (rate({X}_shard_process_cpu_seconds_total{{{SHARD}}}[$__rate_interval])) / on (shard) max by (shard) ({X}_shard_cpu_limit_cores{{{SHARD}}})", "{{shard}}"),
                      thresholds=SHARE, per_shard=True, max=1),
                lines("Memory", "Resident memory of each shard's limit. InnoDB keeps what it once took, so a high flat line is normal; above the limit the server is killed.", "percentunit",
                      q(f"max by (shard) ({X}_shard_process_resident_memory_bytes{{{SHARD}}}) / on (shard) max by (shard) ({X}_shard_memory_limit_bytes{{{SHARD}}})", "{{shard}}"),
                      thresholds=SHARE, per_shard=True, max=1),
                lines("Disk", "Used of what the shard's disk holds. A full disk stops every write on the shard.", "percentunit",
                      q(f"max by (shard) ({X}_shard_disk_used_bytes{{{SHARD}}}) / on (shard) max by (shard) ({X}_shard_disk_capacity_bytes{{{SHARD}}})", "{{shard}}"),
                      thresholds=SHARE, per_shard=True, max=1),
                lines("Connections", "Open connections of max_connections. Routers hold few; many mean clients that bypass them.", "percentunit",
                      q(f"max by (shard) (mysql_global_status_threads_connected{{{SHARD}}}) / on (shard) max by (shard) (mysql_global_variables_max_connections{{{SHARD}}})", "{{shard}}"),
                      thresholds=SHARE, per_shard=True, max=1),
                lines("Threads running", "Statements that a server works on at the same time. More than its cores for long: it is saturated.", "short",
                      q(f"max by (shard) (mysql_global_status_threads_running{{{SHARD}}})", "{{shard}}"), per_shard=True),
                lines("Statements", "What routers sent to each shard a second.", "ops",
                      q(f"sum by (shard) (rate({X}_router_backend_queries_total{{{SHARD}}}[$__rate_interval]))", "{{shard}}"), per_shard=True),
                lines("Slowest 5 % by shard", "95 of 100 statements to the shard end within this time, as the routers see it.", "s",
                      q(f"histogram_quantile(0.95, sum by (le, shard) (rate({X}_router_backend_query_duration_seconds_bucket{{{SHARD}}}[$__rate_interval])))", "{{shard}}"), per_shard=True,
                      empty="a shard that no statement was sent to has no durations"),
                lines("Failed statements", "Statements that a shard did not carry out, by reason. Refused by the server for the client's fault counts too.", "ops",
                      q(f"sum by (shard, reason) (rate({X}_router_backend_errors_total{{{SHARD}}}[$__rate_interval]))", "{{shard}} {{reason}}"), per_shard=True,
                      empty="no statement failed on any shard"),
            ),
            row(
                "Slots and rows",
                bars("Slots", "How many of the 16384 slots each shard owns. A split halves one shard's; nothing else changes them.", "short",
                     q(f"sum by (shard) ({SLOTS})", "{{shard}}"), max=16384),
                bars("Rows", "Rows that each shard owns, all tables but the reference tables. Much more on one shard than its share of slots: a few keys hold most rows.", "short",
                     q(f"sum by (shard) ({ROWS})", "{{shard}}")),
                lines("Rows over time", "A step down on one shard and up on another is a move.", "short",
                      q(f"sum by (shard) ({ROWS})", "{{shard}}"), per_shard=True, stack=True),
            ),
            row(
                "What the scaler thinks",
                timeline("Rules", "Each rule's state for each shard (for the cluster, where no shard is named). Firing asks for a shard; unknown decides nothing. The dashboard *Scaler: why (not)* has the numbers.",
                         q(f"max by (rule, shard) ({RULE_STATE_NUMBER})", "{{rule}} {{shard}}"), RULE_STATE_NAMES, width=16, height=10),
                lines("Shards by state", "How many there are and are to be, between the bounds of the configuration.", "short",
                      [q(f"max by (state) ({X}_scaler_shards{{{CLUSTER}}})", "{{state}}"), q(f"max({X}_scaler_shards_max{{{CLUSTER}}})", "max"), q(f"max({X}_scaler_shards_min{{{CLUSTER}}})", "min")], height=10),
                action_in_progress(),
            ),
        ],
    )
