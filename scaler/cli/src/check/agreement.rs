//! Whether all shards carry the same topology.

use keyspace::slots::all_slots;
use keyspace::topology::{Epoch, ShardId, Topology};

use crate::check::finding::{Finding, Severity};

/// What one shard of the topology carries; `None` if it carries nothing, `Err` if it could not be read.
pub(super) type CarriedTopology = (ShardId, Result<Option<Topology>, String>);

/// Findings about shards that carry another topology than the newest one. Those that could not be read are left out.
pub(super) fn compare(newest: &Topology, carried: &[CarriedTopology]) -> Vec<Finding> {
    let carriers = carried.iter().filter(|(_, read)| matches!(read, Ok(Some(topology)) if topology == newest));
    let carriers: Vec<&str> = carriers.map(|(shard, _)| shard.as_str()).collect();
    let finding = |(shard, read): &CarriedTopology| match read {
        Err(_) => None,
        Ok(None) => Some(behind(shard, "no topology".to_owned(), newest.epoch())),
        Ok(Some(topology)) if topology == newest => None,
        Ok(Some(topology)) if topology.epoch() != newest.epoch() => {
            Some(behind(shard, format!("epoch {}", topology.epoch()), newest.epoch()))
        }
        Ok(Some(topology)) => Some(Finding::new(
            Severity::Error,
            shard,
            format!(
                "carries another topology under epoch {} than {}: {}",
                newest.epoch(),
                carriers.join(", "),
                difference(newest, topology)
            ),
            "pause the scaler; the right one is that under which rows are in their place: write it to \
             _autoscaler.topology of every shard with the next epoch, in the document, too",
        )),
    };
    carried.iter().filter_map(finding).collect()
}

fn behind(shard: &ShardId, carries: String, newest: Epoch) -> Finding {
    Finding::new(
        Severity::Warning,
        shard,
        format!("carries {carries}, the cluster is at {newest}"),
        "the running scaler brings it up to date within a round",
    )
}

/// In what two topologies of one epoch differ.
fn difference(one: &Topology, other: &Topology) -> String {
    let slots = all_slots().filter(|&slot| one.owner(slot).id != other.owner(slot).id).count();
    let parts = [
        (slots > 0).then(|| format!("other owners of {slots} slots")),
        (one.moves() != other.moves()).then(|| "other moves".to_owned()),
        (one.shards() != other.shards()).then(|| "other shards or addresses".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Why nothing may be deleted under what the shards carry; `None` if all of them carry this topology and no row moves.
pub(super) fn refusal(newest: &Topology, carried: &[CarriedTopology]) -> Option<String> {
    if let Some((shard, Err(problem))) = carried.iter().find(|(_, read)| read.is_err()) {
        return Some(format!("{shard} cannot be read ({problem}), and what it has is not known"));
    }
    if let Some((shard, _)) = carried.iter().find(|(_, read)| !matches!(read, Ok(Some(topology)) if topology == newest))
    {
        return Some(format!("{shard} carries another topology than the others"));
    }
    let slot_move = newest.moves().first()?;
    Some(format!("move {} is in progress: repair when it is over", slot_move.id))
}

#[cfg(test)]
mod tests {
    use keyspace::slots::{plan_even_spread, plan_half};
    use keyspace::topology::{Shard, Transfer};

    use super::*;

    fn shard(number: u16) -> Shard {
        Shard {
            id: ShardId::new(format!("shard-{number}")).unwrap(),
            endpoint: keyspace::endpoint::Endpoint::tcp("127.0.0.1", number, "u", "p", "app"),
        }
    }

    fn two_shards() -> Topology {
        Topology::first(vec![shard(1), shard(2)], plan_even_spread(2)).unwrap()
    }

    fn carried(reads: Vec<Result<Option<Topology>, String>>) -> Vec<CarriedTopology> {
        (1..).zip(reads).map(|(number, read)| (shard(number).id, read)).collect()
    }

    #[track_caller]
    fn check(reads: Vec<Result<Option<Topology>, String>>, problem: &str, why_not: &str) {
        let reads = carried(reads);
        let newest = two_shards();
        let problems: Vec<String> = compare(&newest, &reads).into_iter().map(|finding| finding.problem).collect();
        assert_eq!(problems.join("; "), problem);
        assert_eq!(refusal(&newest, &reads).unwrap_or_default(), why_not);
    }

    #[test]
    fn shards_are_compared_by_their_documents() {
        let newest = two_shards();
        let swapped =
            Topology::first(vec![shard(1), shard(2)], plan_even_spread(2).into_iter().rev().collect()).unwrap();
        let moved = Topology::first(vec![shard(1), shard(3)], plan_even_spread(2)).unwrap();
        check(vec![Ok(Some(newest.clone())), Ok(Some(newest.clone()))], "", "");
        check(
            vec![Ok(Some(newest.clone())), Ok(Some(swapped))],
            "carries another topology under epoch 1 than shard-1: other owners of 16384 slots",
            "shard-2 carries another topology than the others",
        );
        check(
            vec![Ok(Some(newest.clone())), Ok(Some(moved))],
            "carries another topology under epoch 1 than shard-1: other owners of 8192 slots, other shards or addresses",
            "shard-2 carries another topology than the others",
        );
        check(
            vec![Ok(Some(newest.clone())), Ok(None)],
            "carries no topology, the cluster is at 1",
            "shard-2 carries another topology than the others",
        );
        check(
            vec![Ok(Some(newest)), Err("refused".to_owned())],
            "",
            "shard-2 cannot be read (refused), and what it has is not known",
        );
    }

    #[test]
    fn nothing_is_deleted_while_rows_move() {
        let still = two_shards();
        let transfer =
            Transfer { source: shard(1).id, target: shard(2).id, slots: plan_half(&still.owned(&shard(1).id)) };
        let moving = still.with_moves(&[transfer]).unwrap();
        let reads = carried(vec![Ok(Some(moving.clone())), Ok(Some(moving.clone()))]);
        assert_eq!(refusal(&moving, &reads).unwrap(), "move m2-1 is in progress: repair when it is over");
        let late = carried(vec![Ok(Some(moving.clone())), Ok(Some(still))]);
        assert_eq!(compare(&moving, &late)[0].problem, "carries epoch 1, the cluster is at 2");
    }
}
