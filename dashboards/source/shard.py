"""Everything about one shard: what it holds, what it uses, and what routers see of it."""

from panels import *

X = "sql_autoscaler"


def build():
    return dashboard(
        "sqlas-shard", "Shard", "One shard: what it holds, what it uses of its limits, what the server and the routers say.",
        [
            row(
                "Now",
                number("Answers", "Whether the shard answered the scaler's last look.", "short", q(f"max({X}_shard_up{{{SHARD}}})", "up"),
                       steps((None, RED), (1, GREEN)), mappings=states((0, "no", RED), (1, "yes", GREEN))),
                number("Slots", "Of 16384. None: it is joining, or being drained.", "short", q(f"sum({SLOTS})", "slots"), background=False),
                number("Rows", "That the shard owns, without the reference tables. Large tables are the engine's estimate.", "short", q(f"sum({ROWS})", "rows"), background=False),
                number("Statements", "From routers, a second.", "ops", q(f"sum(rate({X}_router_backend_queries_total{{{SHARD}}}[$__rate_interval]))", "statements"), background=False),
                number("Prepared branches", "XA branches that are prepared and not decided. They hold their locks; minutes above 0 are the runbook's BranchInDoubt.", "short",
                       q(f"max({X}_shard_prepared_transactions{{{SHARD}}})", "prepared"), steps((None, GREEN), (1, AMBER))),
                number("Free disk", "What is left for its data.", "bytes", q(f"min({X}_shard_disk_available_bytes{{{SHARD}}})", "free"), background=False),
            ),
            row(
                "What it uses",
                lines("CPU", "Cores in use, and the limit. At the limit statements wait for the CPU.", "short",
                      [q(f"max by (shard) (rate({X}_shard_process_cpu_seconds_total{{{SHARD}}}[$__rate_interval]))", "used"), q(f"max by (shard) ({X}_shard_cpu_limit_cores{{{SHARD}}})", "limit")]),
                lines("Memory", "Resident memory, and the limit above which the server is killed.", "bytes",
                      [q(f"max by (shard) ({X}_shard_process_resident_memory_bytes{{{SHARD}}})", "used"), q(f"max by (shard) ({X}_shard_memory_limit_bytes{{{SHARD}}})", "limit")]),
                lines("Disk", "Files of tables and logs, and what the disk holds.", "bytes",
                      [q(f"max by (shard) ({X}_shard_disk_used_bytes{{{SHARD}}})", "used"), q(f"max by (shard) ({X}_shard_disk_capacity_bytes{{{SHARD}}})", "capacity")]),
                lines("Connections", "Open ones, and max_connections, beyond which the server refuses everybody, the scaler too.", "short",
                      [q(f"max by (shard) (mysql_global_status_threads_connected{{{SHARD}}})", "open"), q(f"max by (shard) (mysql_global_variables_max_connections{{{SHARD}}})", "limit")]),
                lines("Connections of the routers", "In use and idle. All in use for long: raise max_connections_per_shard, or the shard is too slow.", "short",
                      q(f"sum by (state) ({X}_router_backend_connections{{{SHARD}}})", "{{state}}"), stack=True),
                lines("Threads running", "Statements that the server works on at once. More than its cores for long: it is saturated.", "short",
                      q(f"max by (shard) (mysql_global_status_threads_running{{{SHARD}}})", "running")),
            ),
            row(
                "What it holds",
                lines("Rows by table", "Rows that the shard owns. A step is a move.", "short", q(f"sum by (table) ({ROWS})", "{{table}}"), width=16, stack=True),
                table("Instance", "What runs the shard, and the server's version as its exporter sees it.",
                      [q(f"max by (shard, version) (mysql_version_info{{{SHARD}}})")], {"shard": "Shard", "version": "Server"}, width=8),
            ),
            row(
                "What the routers see",
                lines("Durations", "How long the shard took for a statement.", "s", quantiles(f"{X}_router_backend_query_duration_seconds", SHARD), width=6, empty="no statement was sent to the shard in the time shown"),
                lines("Failed statements", "Statements that the shard did not carry out, by reason.", "ops",
                      q(f"sum by (reason) (rate({X}_router_backend_errors_total{{{SHARD}}}[$__rate_interval]))", "{{reason}}"), width=6, stack=True, empty="no statement failed on the shard"),
                lines("Share of the hottest slot", "The part of what routers ask of the shard that goes to its hottest slot. Above 80 % no split relieves the shard: the runbook's Unsplittable.", "percentunit",
                      q(f"max by (shard) ({X}_shard_hottest_slot_ratio{{{SHARD}}})", "hottest slot"), thresholds=steps((None, GREEN), (0.5, AMBER), (0.8, RED)), max=1, width=6,
                      empty="within the last minute too little was asked of the shard"),
                lines("Confirmed by routers", "Routers that confirmed the shard's epoch within 5 s. One that did not answers shard_unavailable for its rows.", "short",
                      q(f"sum({X}_router_shard_up{{{SHARD}}})", "routers"), width=6),
            ),
            row(
                "What the server says",
                lines("Statements at the server", "All that the server was asked a second, by whomever. The exporter and the scaler alone are some twenty.", "ops",
                      q(f"sum by (shard) (rate(mysql_global_status_queries{{{SHARD}}}[$__rate_interval]))", "statements")),
                lines("Rows read and written", "By the handlers of tables, a second. `read_rnd_next` far above the others means scans of whole tables.", "rowsps",
                      q(f"sum by (handler) (rate(mysql_global_status_handlers_total{{{SHARD},handler=~\"read_key|read_rnd_next|write|update|delete\"}}[$__rate_interval]))", "{{handler}}")),
                lines("Found in the buffer pool", "The share of page reads that needed no disk. Below 99 % for long: the data in use does not fit into memory.", "percentunit",
                      q(f"1 - (sum by (shard) (rate(mysql_global_status_innodb_buffer_pool_reads{{{SHARD}}}[$__rate_interval])) / (sum by (shard) (rate(mysql_global_status_innodb_buffer_pool_read_requests{{{SHARD}}}[$__rate_interval])) > 0))", "hits"),
                      thresholds=steps((None, RED), (0.95, AMBER), (0.99, GREEN)), max=1),
                lines("Waits for row locks", "A second. Many mean that clients write the same rows.", "ops",
                      q(f"sum by (shard) (rate(mysql_global_status_innodb_row_lock_waits{{{SHARD}}}[$__rate_interval]))", "waits")),
                lines("Slow statements", "Above the server's long_query_time, a second.", "ops",
                      q(f"sum by (shard) (rate(mysql_global_status_slow_queries{{{SHARD}}}[$__rate_interval]))", "slow")),
                lines("Network", "Bytes that the server received and sent a second.", "Bps",
                      [q(f"sum by (shard) (rate(mysql_global_status_bytes_received{{{SHARD}}}[$__rate_interval]))", "received"), q(f"sum by (shard) (rate(mysql_global_status_bytes_sent{{{SHARD}}}[$__rate_interval]))", "sent")]),
            ),
        ],
        shard_variable="single",
    )
