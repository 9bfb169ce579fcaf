"""Rows on their way from shard to shard: how far, how fast, what is left, and what clients noticed."""

from panels import *

X = "sql_autoscaler"


def build():
    return dashboard(
        "sqlas-moves", "Moves", "Rows on their way from shard to shard: how far, how fast, what is left, and what clients noticed of it.",
        [
            row(
                "Now",
                number("Copying", "Moves that copy rows or catch up; their source still owns the slots.", "short", q(f'sum({X}_rebalance_moves{{{CLUSTER},phase="announced"}})', "moves"), steps((None, GREEN), (1, BLUE)), width=3),
                number("Cleaning up", "Moves whose slots changed owner; the rows at the old place go after the safety delay.", "short", q(f'sum({X}_rebalance_moves{{{CLUSTER},phase="switched"}})', "moves"), steps((None, GREEN), (1, BLUE)), width=3),
                number("Rows to copy", "To be copied, by the server's estimate when the move began.", "short", q(f"sum({X}_rebalance_remaining_rows{{{CLUSTER}}})", "rows"), width=3, background=False),
                number("Time left", "Of the slowest move: until it switches or, behind that, is cleaned up. By estimate; empty while it is not known.", "s",
                       q(f"max({X}_rebalance_remaining_seconds{{{CLUSTER}}})", "left"), width=3, background=False, empty="no move is in progress"),
                number("Changes waiting", "Changes that clients made meanwhile and that are not yet replayed. It must fall to almost nothing before owners can switch.", "short",
                       q(f"sum({X}_rebalance_pending_changes{{{CLUSTER}}}) or vector(0)", "changes"), width=3, background=False),
                number("Since last progress", "Of a move in progress. Minutes are the runbook's MoveStuck.", "s",
                       q(f"(time() - max({X}_rebalance_last_progress_timestamp_seconds{{{CLUSTER}}} > 0)) or vector(0)", "ago"), steps((None, GREEN), (120, AMBER), (600, RED)), width=3),
                number("Held up", "The share of the last minute in which moves rested for an overloaded server or a replica that is behind. Near to all of it is the runbook's MoveThrottled.", "percentunit",
                       q(f'sum(rate({X}_rebalance_throttled_seconds_total{{{CLUSTER},reason!="busy"}}[$__rate_interval]))', "rested"), steps((None, GREEN), (0.5, AMBER), (0.8, RED)), width=3),
                number("Moves undone", "In the time shown. Nothing is lost by it; `sql-autoscaler moves` says why.", "short",
                       q(f'sum(increase({X}_rebalance_moves_total{{{CLUSTER},result!="succeeded"}}[$__range]))', "undone"), steps((None, GREEN), (1, AMBER)), width=3),
            ),
            row(
                "Progress",
                lines("Moves by phase", "`announced`: rows are copied. `switched`: owners have changed, clean-up is left.", "short", q(f"sum by (phase) ({X}_rebalance_moves{{{CLUSTER}}})", "{{phase}}"), stack=True),
                lines("Rows copied", "A second. The copy yields to the application, so it slows down under load.", "rowsps", q(f"sum(rate({X}_rebalance_rows_copied_total{{{CLUSTER}}}[$__rate_interval]))", "copied")),
                lines("Bytes copied", "Of those rows, a second.", "Bps", q(f"sum(rate({X}_rebalance_bytes_copied_total{{{CLUSTER}}}[$__rate_interval]))", "copied")),
                lines("Rows left", "To be copied, by estimate.", "short", q(f"sum({X}_rebalance_remaining_rows{{{CLUSTER}}})", "rows")),
                lines("Changes waiting by source", "Growing for minutes: clients write faster than changes are replayed, and the move cannot end.", "short",
                      q(f"sum by (shard) ({X}_rebalance_pending_changes{{{CLUSTER}}})", "{{shard}}"), empty="no move is in progress"),
                lines("Changes replayed", "Changes that clients made meanwhile, carried over to the target, a second.", "ops", q(f"sum(rate({X}_rebalance_changes_replayed_total{{{CLUSTER}}}[$__rate_interval]))", "replayed")),
                lines("Changes waiting by move", "As the mover counts them at each chunk.", "short", q(f"max by (move) ({X}_rebalance_waiting_changes{{{CLUSTER}}})", "{{move}}"), empty="no move is in progress"),
                lines("Time left by move", "Until it switches or, behind that, is cleaned up, by estimate.", "s", q(f"max by (move) ({X}_rebalance_remaining_seconds{{{CLUSTER}}})", "{{move}}"), empty="no move is in progress"),
                lines("Rows deleted", "Moved rows at their old place, after the switch, a second. It yields to the application as the copy does.", "rowsps", q(f"sum(rate({X}_rebalance_rows_deleted_total{{{CLUSTER}}}[$__rate_interval]))", "deleted")),
                lines("Rested", "The share of the time in which moves rested, by reason: `busy` is the application at work, `overloaded` a server with max_threads_running statements, `replica_lag` a replica that is behind. Two moves side by side can make it more than 1.", "percentunit",
                      q(f"sum by (reason) (rate({X}_rebalance_throttled_seconds_total{{{CLUSTER}}}[$__rate_interval]))", "{{reason}}"), stack=True),
                lines("Attempts to switch", "A second. One for each move is usual; many are a transaction on moving rows that stays open, or writes too fast for the budget.", "ops",
                      q(f"sum(rate({X}_rebalance_cutover_attempts_total{{{CLUSTER}}}[$__rate_interval]))", "attempts")),
                lines("Moves that ended", "By result. Undone ones left nothing behind.", "short", q(f"sum by (result) (increase({X}_rebalance_moves_total{{{CLUSTER}}}[$__rate_interval]))", "{{result}}")),
            ),
            row(
                "What clients noticed",
                heatmap("Pauses of cutovers, by length", "How long writes to moving slots waited while owners switched; reads do not wait. The budget is cutover_budget_ms.",
                        q(f"sum by (le) (increase({X}_rebalance_cutover_duration_seconds_bucket{{{CLUSTER}}}[$__rate_interval]))", "{{le}}")),
                lines("Pauses of cutovers", "95 of 100 cutovers in the time shown paused writes for less than this.", "s",
                      [q(f"histogram_quantile({share}, sum by (le) (increase({X}_rebalance_cutover_duration_seconds_bucket{{{CLUSTER}}}[$__range])))", f"p{int(share * 100)}") for share in (0.5, 0.95)],
                      width=12, empty="no owner switched in the time shown"),
                lines("Statements run again", "Because their rows had just moved. Clients notice only the time.", "ops", q(f"sum(rate({X}_router_retries_total{{{CLUSTER}, reason=\"moved\"}}[$__rate_interval]))", "run again"), width=12),
                lines("Epochs", "Of the scaler and of each router. They rise together, within a second.", "short",
                      [q(f"max({X}_scaler_topology_epoch{{{CLUSTER}}})", "scaler"), q(f"max by (instance) ({X}_router_topology_epoch{{{CLUSTER}}})", "{{instance}}")], width=12),
            ),
            row(
                "Rows by shard",
                lines("Rows", "That each shard owns. Copies that are not yet owned do not count, so the sum stays level through a move.", "short", q(f"sum by (shard) ({ALL_ROWS})", "{{shard}}"), width=12, stack=True, per_shard=True),
                lines("Slots", "Of 16384, by owner.", "short", q(f"sum by (shard) ({ALL_SLOTS})", "{{shard}}"), width=12, stack=True, per_shard=True, max=16384),
            ),
        ],
        shard_variable=None,
    )
