//! Whether rows can move away from shards, asked before a server is created for them or a shard is drained. A move
//! would find the same, but only when its target is there.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use keyspace::errors::chain;
use keyspace::schema::Layout;
use keyspace::topology::ShardId;
use moves::MoveError;
use moves::cluster::Cluster;

/// Thousands of tables take seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the rows of each shard that was asked cannot move away from it; `None`: they can.
pub(crate) type Fitness = BTreeMap<ShardId, Option<String>>;

/// Looks at shards, all at the same time, by the very checks that a move begins with. One that cannot be looked at is
/// not fit: a move would meet the same error.
pub(crate) async fn ask(cluster: &Cluster, layout: &Layout, shards: impl IntoIterator<Item = ShardId>) -> Fitness {
    let looks = shards.into_iter().map(|shard| async {
        let look = moves::find_unfit_source(cluster, layout, &shard);
        let why = match tokio::time::timeout(ANSWER_TIMEOUT, look).await {
            Ok(Ok(found)) => summary(&found),
            Ok(Err(error)) => Some(format!("it cannot be asked whether they could: {}", chain(&error))),
            Err(_) => Some(format!("it did not answer within {} s whether they could", ANSWER_TIMEOUT.as_secs())),
        };
        (shard, why)
    });
    join_all(looks).await.into_iter().collect()
}

/// The first finding, and that there are others.
fn summary(found: &[MoveError]) -> Option<String> {
    let (first, others) = found.split_first()?;
    Some(match others.len() {
        0 => first.to_string(),
        1 => format!("{first} (and another reason, see `sql-autoscaler check`)"),
        more => format!("{first} (and {more} other reasons, see `sql-autoscaler check`)"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_finding_is_told_whole_and_the_others_are_counted() {
        let unfit = |table: &str| MoveError::Unfit {
            table: table.to_owned(),
            reason: "it has no primary key".to_owned(),
            remedy: "add one".to_owned(),
        };
        assert_eq!(summary(&[]), None);
        let first = "table `a` cannot be moved: it has no primary key; add one";
        assert_eq!(summary(&[unfit("a")]).unwrap(), first);
        let all = summary(&[unfit("a"), unfit("b"), unfit("c")]).unwrap();
        assert_eq!(all, format!("{first} (and 2 other reasons, see `sql-autoscaler check`)"));
    }
}
