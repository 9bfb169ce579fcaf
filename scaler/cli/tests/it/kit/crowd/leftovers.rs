//! That nothing is left of moves.

use keyspace::own;
use keyspace::topology::Topology;

use crate::kit::bench::id;
use crate::kit::servers::{Server, number, rows, wait_until};

/// No shard has a trigger of ours, a log of changes, a raised fence, a journal of moves, a probe or a branch that is prepared,
/// and every shard carries the topology. Servers are shard-1, shard-2 and so on.
pub async fn assert_no_leftovers(servers: &[Server], topology: &Topology) {
    for (index, server) in servers.iter().enumerate() {
        let shard = id(index);
        let mut connection = server.connect().await;
        let triggers = "SELECT TRIGGER_SCHEMA, TRIGGER_NAME FROM information_schema.TRIGGERS \
             WHERE LEFT(TRIGGER_NAME, 4) = '_as_'";
        assert_eq!(rows(&mut connection, triggers).await, Vec::<Vec<String>>::new(), "triggers on {shard}");
        let tables = "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES \
             WHERE TABLE_NAME LIKE 'ch\\_%' AND TABLE_SCHEMA='_autoscaler' OR TABLE_NAME='_as_probe'";
        assert_eq!(rows(&mut connection, tables).await, Vec::<Vec<String>>::new(), "tables on {shard}");
        for (table, count) in [
            ("moves", "COUNT(*)"),
            ("incoming_moves", "COUNT(*)"),
            ("move_positions", "COUNT(*)"),
            ("fence", "COALESCE(SUM(fenced),0)"),
        ] {
            let exists = format!(
                "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA='_autoscaler' AND TABLE_NAME='{table}'"
            );
            if number(&mut connection, &exists).await == 1 {
                let sql = format!("SELECT {count} FROM _autoscaler.{table}");
                assert_eq!(number(&mut connection, &sql).await, 0, "_autoscaler.{table} on {shard}");
            }
        }
        // Routers finish those of a router that died, after a while.
        wait_until("no branch is prepared", || async {
            rows(&mut server.connect().await, "XA RECOVER").await.is_empty()
        })
        .await;
        let carried = own::topology::read(&mut connection).await.unwrap();
        match topology.shard(&shard) {
            Some(_) => assert_eq!(carried.as_ref(), Some(topology), "the topology on {shard}"),
            // It may have left, with the topology of that moment.
            None => assert!(carried.is_none_or(|carried| carried.epoch() <= topology.epoch()), "{shard}"),
        }
    }
}
