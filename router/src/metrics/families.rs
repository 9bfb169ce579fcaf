//! The metric families: names, help and labels.

use prometheus::{Error, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::registrar::Registrar;

/// What the router is, and what it knows and does at the moment.
pub struct RouterFamilies {
    pub epoch: IntGauge,
    pub active: IntGauge,
    pub slot_queries: IntCounter,
    pub build_info: IntGaugeVec,
}

impl RouterFamilies {
    pub fn register(registrar: &Registrar<'_>) -> Result<RouterFamilies, Error> {
        Ok(RouterFamilies {
            epoch: registrar
                .gauge("sql_autoscaler_router_topology_epoch", "Epoch of the topology in use; 0: none yet")?,
            active: registrar.gauge("sql_autoscaler_router_active_queries", "Queries being answered")?,
            slot_queries: registrar.counter(
                "sql_autoscaler_router_slot_queries_total",
                "Queries counted for slots that their keys name, once for each slot; GET /slots has them slot by slot",
            )?,
            build_info: registrar.gauges("sql_autoscaler_router_build_info", "Always 1", &["version"])?,
        })
    }
}

/// Statements of clients, by how they were answered.
pub struct QueryFamilies {
    pub answered: IntCounterVec,
    pub errors: IntCounterVec,
    pub duration: HistogramVec,
}

impl QueryFamilies {
    pub fn register(registrar: &Registrar<'_>) -> Result<QueryFamilies, Error> {
        Ok(QueryFamilies {
            answered: registrar.counters(
                "sql_autoscaler_router_queries_total",
                "Queries answered",
                &["kind", "route"],
            )?,
            errors: registrar.counters(
                "sql_autoscaler_router_query_errors_total",
                "Queries refused or failed",
                &["reason"],
            )?,
            duration: registrar.histograms(
                "sql_autoscaler_router_query_duration_seconds",
                "Time to the whole answer",
                &["route"],
            )?,
        })
    }
}

/// What is asked of shards, and whether they serve.
pub struct ShardFamilies {
    pub queries: IntCounterVec,
    pub errors: IntCounterVec,
    pub duration: HistogramVec,
    pub connections: IntGaugeVec,
    pub up: IntGaugeVec,
}

impl ShardFamilies {
    pub fn register(registrar: &Registrar<'_>) -> Result<ShardFamilies, Error> {
        Ok(ShardFamilies {
            queries: registrar.counters(
                "sql_autoscaler_router_backend_queries_total",
                "Statements sent to a shard",
                &["shard", "role"],
            )?,
            errors: registrar.counters(
                "sql_autoscaler_router_backend_errors_total",
                "Statements that a shard did not carry out",
                &["shard", "reason"],
            )?,
            duration: registrar.histograms(
                "sql_autoscaler_router_backend_query_duration_seconds",
                "Time a shard took for a statement",
                &["shard"],
            )?,
            connections: registrar.gauges(
                "sql_autoscaler_router_backend_connections",
                "Connections to a shard",
                &["shard", "state"],
            )?,
            up: registrar.gauges(
                "sql_autoscaler_router_shard_up",
                "1 if the shard's epoch was confirmed within 5 s",
                &["shard"],
            )?,
        })
    }
}

/// What statements need that one try of theirs does not answer.
pub struct RepeatFamilies {
    pub retries: IntCounterVec,
    pub gathered_rows: IntCounterVec,
    pub rereads: IntCounterVec,
}

impl RepeatFamilies {
    pub fn register(registrar: &Registrar<'_>) -> Result<RepeatFamilies, Error> {
        Ok(RepeatFamilies {
            retries: registrar.counters(
                "sql_autoscaler_router_retries_total",
                "Statements run again: moved (rows had moved) or connection (a read's broke)",
                &["reason"],
            )?,
            gathered_rows: registrar.counters(
                "sql_autoscaler_router_gathered_rows_total",
                "Rows copied to one shard for reads that no merge answers",
                &[],
            )?,
            rereads: registrar.counters(
                "sql_autoscaler_router_rereads_total",
                "Snapshots taken again because they held a transaction in part",
                &[],
            )?,
        })
    }
}

/// Transactions over several shards.
pub struct TransactionFamilies {
    pub ended: IntCounterVec,
    pub branches: IntCounterVec,
    pub in_doubt: IntGauge,
}

impl TransactionFamilies {
    pub fn register(registrar: &Registrar<'_>) -> Result<TransactionFamilies, Error> {
        Ok(TransactionFamilies {
            ended: registrar.counters(
                "sql_autoscaler_router_transactions_total",
                "Transactions over several shards, and those that were rolled back",
                &["outcome"],
            )?,
            branches: registrar.counters(
                "sql_autoscaler_router_branches_total",
                "Parts of transactions over several shards, by what became of them; recovered: their router left them behind",
                &["event"],
            )?,
            in_doubt: registrar.gauge(
                "sql_autoscaler_router_branches_in_doubt",
                "Prepared parts of transactions that are still to be finished, as last seen",
            )?,
        })
    }
}

/// Sessions, memory and connections of clients.
pub struct ClientFamilies {
    pub sessions: IntGauge,
    pub sessions_expired: IntCounterVec,
    pub memory: IntGaugeVec,
    pub memory_refusals: IntCounterVec,
    pub http_connections: IntGauge,
    pub http_refused: IntCounterVec,
    pub http_ended: IntCounterVec,
}

impl ClientFamilies {
    pub fn register(registrar: &Registrar<'_>) -> Result<ClientFamilies, Error> {
        Ok(ClientFamilies {
            sessions: registrar.gauge("sql_autoscaler_router_sessions", "Open sessions")?,
            sessions_expired: registrar.counters(
                "sql_autoscaler_router_sessions_expired_total",
                "Sessions whose open transaction was rolled back because nobody used them",
                &[],
            )?,
            memory: registrar.gauges(
                "sql_autoscaler_router_held_bytes",
                "Memory held for clients, at most limits.max_memory_bytes in all",
                &["kind"],
            )?,
            memory_refusals: registrar.counters(
                "sql_autoscaler_router_memory_refusals_total",
                "Times that there was no room for what a client asked for or sent",
                &["kind"],
            )?,
            http_connections: registrar
                .gauge("sql_autoscaler_router_http_connections", "Open connections of clients")?,
            http_refused: registrar.counters(
                "sql_autoscaler_router_http_refused_connections_total",
                "Connections that were not let in: full, client_share or no_descriptor",
                &["reason"],
            )?,
            http_ended: registrar.counters(
                "sql_autoscaler_router_http_ended_connections_total",
                "Connections ended because their client took too long: header_timeout, body_timeout, idle_timeout, \
                 write_timeout, or displaced by another one",
                &["reason"],
            )?,
        })
    }
}
