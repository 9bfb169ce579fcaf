//! The triggers that log changes of moving rows on the source, and refuse them once the fence is up.
//!
//! Their text and the way to create them were measured on MariaDB 10.11 and MySQL 9.7 under writers that deadlock, wait
//! and roll back.

use std::collections::BTreeMap;
use std::time::Duration;

use keyspace::faults::Faults;
use keyspace::literal::quote_text;
use keyspace::mysql::er;
use keyspace::own;
use keyspace::schema::quote;
use keyspace::topology::{MoveId, SlotMove};
use tokio::time::Instant;

use crate::connection::{Connection, error_number, into_text, is_locked};
use crate::error::MoveError;
use crate::faults::Point;
use crate::table::{MovedTable, change_table_prefix, label};

/// Every trigger of ours starts like this; no trigger of a user may.
pub(crate) const PREFIX: &str = "_as_";

/// How long a table may stay in use by one long transaction before the move gives up.
const LOCK_DEADLINE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
enum Event {
    Insert,
    Update,
    Delete,
}

fn trigger_prefix(id: &MoveId) -> String {
    format!("{PREFIX}{}_", label(id))
}

/// The statement that creates one trigger.
fn trigger_text(table: &MovedTable, slot_move: &SlotMove, event: Event) -> String {
    let SlotMove { id, slots, fence, .. } = slot_move;
    let (letter, verb) = match event {
        Event::Insert => ('i', "INSERT"),
        Event::Update => ('u', "UPDATE"),
        Event::Delete => ('d', "DELETE"),
    };
    let (old, new) = (table.trigger_test("OLD", slots), table.trigger_test("NEW", slots));
    let (moving, log) = match event {
        Event::Insert => (new, log_key(table, "NEW")),
        Event::Delete => (old, log_key(table, "OLD")),
        Event::Update => {
            let pairs = table.trigger_key("OLD").into_iter().zip(table.trigger_key("NEW"));
            let same: Vec<String> = pairs.map(|(old, new)| format!("{old}={new}")).collect();
            let log_new = format!("IF NOT ({}) THEN {} END IF;", same.join(" AND "), log_key(table, "NEW"));
            (format!("{old} OR {new}"), format!("{} {log_new}", log_key(table, "OLD")))
        }
    };
    format!(
        "CREATE TRIGGER {name} AFTER {verb} ON {on} FOR EACH ROW BEGIN \
         IF {moving} THEN \
         IF (SELECT fenced FROM `_autoscaler`.fence WHERE id={fence} LOCK IN SHARE MODE) <=> 0 THEN {log} \
         ELSEIF @_autoscaler_cleanup IS NULL THEN \
         SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT='{moved}'; \
         END IF; END IF; END",
        moved = own::fence::MOVED,
        name = quote(&format!("{}{}_{letter}", trigger_prefix(id), table.index)),
        on = quote(&table.name),
    )
}

fn log_key(table: &MovedTable, row: &str) -> String {
    let columns: Vec<String> = (0..table.key_width()).map(|i| format!("k{i}")).collect();
    let values = table.trigger_key(row).join(",");
    format!("INSERT INTO {} ({}) VALUES ({values});", table.change_table(), columns.join(","))
}

/// Creates the change table and the three triggers of one table. When this returns, every transaction that
/// began to write the table before is over, prepared XA branches apart.
pub(crate) async fn install(
    source: &mut Connection,
    table: &MovedTable,
    slot_move: &SlotMove,
    faults: &Faults<Point>,
) -> Result<(), MoveError> {
    source.run(&format!("DROP TABLE IF EXISTS {}", table.change_table())).await?;
    source.run(&table.create_change_table()).await?;
    lock_table(source, &table.name, Some(Instant::now() + LOCK_DEADLINE)).await?;
    faults.reach(Point::TableLocked).await;
    let mut created = Ok(0);
    for event in [Event::Insert, Event::Update, Event::Delete] {
        if created.is_ok() {
            created = source.run(&trigger_text(table, slot_move, event)).await;
        }
    }
    unlock_table(source).await?;
    created.map(|_| ())
}

/// Change tables that are dropped by one statement.
const AT_ONCE: usize = 50;

/// Drops a move's triggers, then its change tables: the other way round writes would fail.
pub(crate) async fn remove(source: &mut Connection, id: &MoveId) -> Result<(), MoveError> {
    for (table, names) in triggers_by_table(source, &trigger_prefix(id)).await? {
        drop_triggers(source, &table, &names).await?;
    }
    let prefix = change_table_prefix(id);
    let names = source.fetch_texts(&own::changes::names(&prefix)).await?;
    for some in names.chunks(AT_ONCE) {
        source.run(&own::changes::drop(some)).await?;
    }
    Ok(())
}

/// Drops the triggers of one table only.
pub(crate) async fn remove_from_table(
    source: &mut Connection,
    table: &MovedTable,
    id: &MoveId,
) -> Result<(), MoveError> {
    match triggers_by_table(source, &trigger_prefix(id)).await?.remove(&table.name) {
        Some(names) => drop_triggers(source, &table.name, &names).await,
        None => Ok(()),
    }
}

async fn triggers_by_table(source: &mut Connection, prefix: &str) -> Result<BTreeMap<String, Vec<String>>, MoveError> {
    let sql = format!(
        "SELECT CAST(EVENT_OBJECT_TABLE AS CHAR),CAST(TRIGGER_NAME AS CHAR) FROM information_schema.TRIGGERS \
         WHERE TRIGGER_SCHEMA=DATABASE() AND LEFT(TRIGGER_NAME,{})={}",
        prefix.len(),
        quote_text(prefix)
    );
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in source.fetch(&sql).await? {
        let mut cells = row.into_iter().map(|cell| cell.map(into_text).unwrap_or_default());
        if let (Some(table), Some(name)) = (cells.next(), cells.next()) {
            found.entry(table).or_default().push(name);
        }
    }
    Ok(found)
}

async fn drop_triggers(source: &mut Connection, table: &str, names: &[String]) -> Result<(), MoveError> {
    lock_table(source, table, None).await?;
    let mut dropped = Ok(0);
    for name in names {
        if dropped.is_ok() {
            dropped = source.run(&format!("DROP TRIGGER IF EXISTS {}", quote(name))).await;
        }
    }
    unlock_table(source).await?;
    dropped.map(|_| ())
}

/// Takes the table's metadata lock without making others queue behind it for long.
///
/// DDL that waits makes transactions that read the table and now write it fail with a deadlock at once, and all others
/// wait behind it, so MariaDB polls with NOWAIT. MySQL has no such form: there each wait is ended from outside, and is
/// followed by a pause that leaves the table to the application for most of the time.
pub(crate) async fn lock_table(
    source: &mut Connection,
    table: &str,
    deadline: Option<Instant>,
) -> Result<(), MoveError> {
    /// NOWAIT may fail for ever on a table that is never idle; then one short wait is the lesser harm.
    const POLLS_BEFORE_WAITING: u32 = 1_000;
    const WAIT: Duration = Duration::from_millis(50);
    const LONGEST_PAUSE: Duration = Duration::from_millis(1_000);
    let name = quote(table);
    source.hold_locks().await?;
    let mut pause = Duration::from_millis(100);
    for poll in 1u32.. {
        let locked = match source.mariadb && poll % POLLS_BEFORE_WAITING != 0 {
            true => match source.run(&format!("LOCK TABLES {name} WRITE NOWAIT")).await {
                Ok(_) => true,
                Err(error) if is_locked(&error) => false,
                Err(error) => return Err(error),
            },
            false => source.run_within(&format!("LOCK TABLES {name} WRITE"), WAIT).await?,
        };
        if locked {
            return Ok(());
        }
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return Err(MoveError::TableInUse { table: table.to_owned(), shard: source.shard.clone() });
        }
        match source.mariadb {
            true => tokio::time::sleep(Duration::from_millis(5)).await,
            false => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
    Ok(())
}

async fn unlock_table(source: &mut Connection) -> Result<(), MoveError> {
    source.run("UNLOCK TABLES").await?;
    source.holds_no_locks().await
}

/// Waits until no XA branch is left that was prepared before the triggers: its changes are not logged.
pub(crate) async fn wait_for_prepared_branches(source: &mut Connection) -> Result<(), MoveError> {
    let earlier = prepared_branches(source).await?;
    let deadline = Instant::now() + LOCK_DEADLINE;
    loop {
        let left = prepared_branches(source).await?;
        if !earlier.iter().any(|xid| left.contains(xid)) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(MoveError::PreparedBranch { shard: source.shard.clone() });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn prepared_branches(source: &mut Connection) -> Result<Vec<crate::rows::Cells>, MoveError> {
    source.fetch("XA RECOVER").await
}

/// Why the account cannot create triggers, if it cannot: found out by doing it.
pub(crate) async fn try_creating(source: &mut Connection) -> Result<Option<&'static str>, MoveError> {
    const DENIED: [u16; 3] = [er::TABLEACCESS_DENIED, er::DBACCESS_DENIED, er::SPECIFIC_ACCESS_DENIED];
    source.run("CREATE TABLE IF NOT EXISTS _as_probe (a INT) ENGINE=InnoDB").await?;
    let created = source
        .run("CREATE TRIGGER _as_probe_i AFTER INSERT ON _as_probe FOR EACH ROW BEGIN SET @_autoscaler_probe=1; END")
        .await;
    source.run("DROP TABLE IF EXISTS _as_probe").await?;
    match created {
        Ok(_) => Ok(None),
        Err(error) => match error_number(&error) {
            Some(er::BINLOG_CREATE_ROUTINE_NEED_SUPER) => Ok(Some(
                "with its binary log on, the server lets only SUPER create triggers: \
                 grant SUPER or SET GLOBAL log_bin_trust_function_creators=1",
            )),
            Some(number) if DENIED.contains(&number) => Ok(Some("grant TRIGGER on the database and on _autoscaler")),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use keyspace::schema::{Layout, Schema, Table, TableColumn, TableKind};
    use keyspace::slots::Slot;
    use keyspace::topology::{MovePhase, ShardId};

    use super::*;

    fn column(name: &str) -> TableColumn {
        TableColumn {
            name: name.to_owned(),
            data_type: "int".to_owned(),
            column_type: "int(11)".to_owned(),
            collation: None,
            fraction_digits: None,
            nullable: false,
            has_default: false,
            auto_increment: false,
            generated: false,
            invisible: false,
            json: false,
            clock: false,
            volatile_default: false,
        }
    }

    fn orders(kind: TableKind) -> MovedTable {
        let table = Table {
            name: "orders".to_owned(),
            kind,
            columns: vec![column("a"), column("b")],
            primary_key: vec!["a".to_owned(), "b".to_owned()],
            unique_indexes: Vec::new(),
            has_triggers: false,
            has_references: false,
            has_transactions: true,
        };
        let schema = Schema::new("app", &Layout::default(), true, vec![table]);
        MovedTable::of(schema.table("orders").unwrap(), 3, &slot_move().id).unwrap()
    }

    fn slot_move() -> SlotMove {
        let shard = |name: &str| ShardId::new(name).unwrap();
        SlotMove {
            id: serde_json::from_str("\"m7-1\"").unwrap(),
            source: shard("shard-1"),
            target: shard("shard-2"),
            slots: [Slot::new(5).unwrap()].into_iter().collect(),
            phase: MovePhase::Announced,
            fence: 2,
        }
    }

    fn check(table: &MovedTable, event: Event, expected: &str) {
        let slot_move = slot_move();
        let text = trigger_text(table, &slot_move, event).replace(&slot_move.slots.to_hex(), "HEX");
        assert_eq!(text, expected);
    }

    #[test]
    fn an_update_logs_both_keys_and_is_refused_behind_the_fence() {
        let key_type = keyspace::keys::KeyType::Integer;
        check(
            &orders(TableKind::Sharded { key: "a".to_owned(), key_type }),
            Event::Update,
            "CREATE TRIGGER `_as_m7_1_3_u` AFTER UPDATE ON `orders` FOR EACH ROW BEGIN IF \
             (ORD(SUBSTR(x'HEX',(COALESCE(CRC32(CAST(OLD.`a` AS CHAR))&16383,0)>>3)+1,1))>>\
             (COALESCE(CRC32(CAST(OLD.`a` AS CHAR))&16383,0)&7)&1) OR \
             (ORD(SUBSTR(x'HEX',(COALESCE(CRC32(CAST(NEW.`a` AS CHAR))&16383,0)>>3)+1,1))>>\
             (COALESCE(CRC32(CAST(NEW.`a` AS CHAR))&16383,0)&7)&1) THEN \
             IF (SELECT fenced FROM `_autoscaler`.fence WHERE id=2 LOCK IN SHARE MODE) <=> 0 THEN \
             INSERT INTO _autoscaler.ch_m7_1_3 (k0,k1) VALUES (OLD.`a`,OLD.`b`); \
             IF NOT (OLD.`a`=NEW.`a` AND OLD.`b`=NEW.`b`) THEN \
             INSERT INTO _autoscaler.ch_m7_1_3 (k0,k1) VALUES (NEW.`a`,NEW.`b`); END IF; \
             ELSEIF @_autoscaler_cleanup IS NULL THEN \
             SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT='_autoscaler: slot moved'; END IF; END IF; END",
        );
    }

    #[test]
    fn a_reference_table_logs_every_row() {
        check(
            &orders(TableKind::Reference),
            Event::Delete,
            "CREATE TRIGGER `_as_m7_1_3_d` AFTER DELETE ON `orders` FOR EACH ROW BEGIN IF 1 THEN \
             IF (SELECT fenced FROM `_autoscaler`.fence WHERE id=2 LOCK IN SHARE MODE) <=> 0 THEN \
             INSERT INTO _autoscaler.ch_m7_1_3 (k0,k1) VALUES (OLD.`a`,OLD.`b`); \
             ELSEIF @_autoscaler_cleanup IS NULL THEN \
             SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT='_autoscaler: slot moved'; END IF; END IF; END",
        );
    }
}
