//! What moves that are over left behind on a shard: triggers, change tables, bookkeeping.
//!
//! A move is named after the epoch that announces it, so one that an epoch up to now has named and that no topology
//! knows any more can never come back. What it left, which has its name, is provably surplus. So is a raised fence that
//! no move of the topology has.

use keyspace::own;
use keyspace::own::journal::Side;
use keyspace::schema::quote;
use keyspace::topology::SlotMove;
use keyspace::topology::{MovePhase, ShardId, Topology};

use crate::check::finding::{Finding, Severity};
use crate::check::session::{CheckError, ShardSession};

/// What a shard has of ours, whether a move explains it or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OwnObjects {
    /// Table and name.
    triggers: Vec<(String, String)>,
    /// In `_autoscaler`.
    change_tables: Vec<String>,
    /// When the table of a try at creating triggers was made, if it is there.
    probe: Option<String>,
    /// Moves in the journal of those that leave the shard.
    journal: Vec<String>,
    /// Moves in the journal of those that come to it.
    incoming: Vec<String>,
    /// Moves that noted how far their copy is.
    positions: Vec<String>,
    /// The fences that are up.
    fences: Vec<String>,
}

/// Something that no move of the topology explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leftover {
    pub kind: LeftoverKind,
    /// Table, trigger, move or fence.
    pub name: String,
    /// Whether it is certain that no move needs it and that it is ours.
    pub is_over: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LeftoverKind {
    Trigger { table: String },
    ChangeTable,
    Probe,
    JournalRow,
    IncomingRow,
    Position,
    Fence,
}

pub(super) const PROBE: &str = "_as_probe";
/// What triggers of ours begin with.
pub(super) const PREFIX: &str = "_as_";
/// What change tables begin with.
const CHANGES: &str = own::changes::PREFIX;

pub(super) async fn find_own_objects(session: &mut ShardSession) -> Result<OwnObjects, CheckError> {
    let triggers = "SELECT CAST(EVENT_OBJECT_TABLE AS CHAR),CAST(TRIGGER_NAME AS CHAR) FROM information_schema.TRIGGERS \
         WHERE TRIGGER_SCHEMA=DATABASE() AND TRIGGER_NAME LIKE '\\_as\\_%' ORDER BY 1,2";
    let triggers = session.fetch_texts::<2>(triggers).await?;
    let triggers = triggers.into_iter().map(|[table, name]| (table, name)).filter(|(table, _)| table != PROBE);
    let tables: Vec<String> =
        session.fetch_texts::<1>(own::schema::TABLES).await?.into_iter().map(|[name]| name).collect();
    let probe = format!(
        "SELECT CAST(CREATE_TIME AS CHAR) FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA=DATABASE() AND TABLE_NAME='{PROBE}'"
    );
    let mut seen = OwnObjects {
        triggers: triggers.collect(),
        change_tables: tables.iter().filter(|name| name.starts_with(CHANGES)).cloned().collect(),
        probe: session.fetch_texts::<1>(&probe).await?.into_iter().next().map(|[time]| time),
        ..OwnObjects::default()
    };
    let has = |name: &str| tables.iter().any(|table| table == name);
    let names = |rows: Vec<[String; 1]>| rows.into_iter().map(|[name]| name).collect();
    if has("moves") {
        seen.journal = names(session.fetch_texts(&own::journal::ids(Side::Source)).await?);
    }
    if has("incoming_moves") {
        seen.incoming = names(session.fetch_texts(&own::journal::ids(Side::Target)).await?);
    }
    if has("move_positions") {
        seen.positions = names(session.fetch_texts(own::journal::IDS_WITH_POSITIONS).await?);
    }
    if has("fence") {
        seen.fences = names(session.fetch_texts(own::fence::RAISED).await?);
    }
    Ok(seen)
}

impl OwnObjects {
    pub fn has_probe(&self) -> bool {
        self.probe.is_some()
    }

    /// What no move of the topology explains. `earlier` is what was seen a moment before: a try at creating triggers
    /// takes as long as two statements, so its table is left over only if it stays.
    pub fn leftovers(&self, earlier: &OwnObjects, shard: &ShardId, topology: &Topology) -> Vec<Leftover> {
        let is_known = |id: &str| topology.moves().iter().any(|slot_move| slot_move.id.as_str() == id);
        let is_over = |id: &str| announced_in(id).is_some_and(|epoch| epoch <= topology.epoch().number());
        let leaving: Vec<&SlotMove> = topology.moves().iter().filter(|known| known.source == *shard).collect();
        let mut found = Vec::new();
        let mut add = |kind, name: &str, is_over| found.push(Leftover { kind, name: name.to_owned(), is_over });
        for (table, name) in &self.triggers {
            let id = move_of_trigger(name);
            if !id.as_deref().is_some_and(is_known) {
                add(LeftoverKind::Trigger { table: table.clone() }, name, id.as_deref().is_some_and(is_over));
            }
        }
        let triggers_go = self.triggers.iter().all(|(_, name)| move_of_trigger(name).as_deref().is_some_and(is_over));
        for name in &self.change_tables {
            match move_of_change_table(name) {
                Some(id) if is_known(&id) => {}
                Some(id) => add(LeftoverKind::ChangeTable, name, is_over(&id)),
                // Earlier versions named them after no move: only a source has any, and triggers write to them.
                None if leaving.is_empty() => add(LeftoverKind::ChangeTable, name, triggers_go),
                None => {}
            }
        }
        if self.probe.is_some() && self.probe == earlier.probe {
            add(LeftoverKind::Probe, PROBE, true);
        }
        for id in self.journal.iter().filter(|id| !is_known(id)) {
            add(LeftoverKind::JournalRow, id, is_over(id));
        }
        for id in self.incoming.iter().filter(|id| !is_known(id)) {
            add(LeftoverKind::IncomingRow, id, is_over(id));
        }
        for id in self.positions.iter().filter(|id| !is_known(id)) {
            add(LeftoverKind::Position, id, is_over(id));
        }
        for fence in &self.fences {
            match leaving.iter().find(|known| known.fence.to_string() == *fence) {
                Some(known) if known.phase == MovePhase::Switched => {}
                // A move that is about to switch may have raised it since the topology was read.
                user => add(LeftoverKind::Fence, fence, user.is_none()),
            }
        }
        found
    }
}

impl Leftover {
    pub fn finding(&self, shard: &ShardId) -> Finding {
        let name = &self.name;
        let problem = match &self.kind {
            LeftoverKind::Trigger { table } if self.is_over => {
                format!("trigger {name} on {table} is left of a move that is over")
            }
            LeftoverKind::Trigger { table } => {
                format!("trigger {name} on {table} is named like those of moves, and no move explains it")
            }
            LeftoverKind::ChangeTable => format!("change table _autoscaler.{name} is left of a move that is over"),
            LeftoverKind::Probe => format!("table {name} is left of a look at whether triggers can be created"),
            LeftoverKind::JournalRow => format!("the journal _autoscaler.moves has move {name}, which no topology has"),
            LeftoverKind::IncomingRow => {
                format!("the journal _autoscaler.incoming_moves has move {name}, which no topology has")
            }
            LeftoverKind::Position => {
                format!("_autoscaler.move_positions has rows of move {name}, which no topology has")
            }
            LeftoverKind::Fence => format!("fence {name} is up, but no move of this shard that has it has switched"),
        };
        let remedy = match (&self.kind, self.is_over) {
            (_, true) => "`check --repair` removes it",
            (LeftoverKind::Trigger { .. }, false) => "drop it, or give it another name if it is one of yours",
            (LeftoverKind::ChangeTable, false) => "drop it once the triggers that begin with _as_ are gone, not before",
            (LeftoverKind::JournalRow | LeftoverKind::IncomingRow | LeftoverKind::Position, false) => {
                "a running scaler announces that move or forgets it; if none runs, start one"
            }
            (LeftoverKind::Probe | LeftoverKind::Fence, false) => "wait for the move to end, and look again",
        };
        Finding::new(Severity::Warning, shard, problem, remedy)
    }

    /// What the triggers begin with that write to a change table, and keep it.
    pub fn writing_triggers(&self) -> Option<String> {
        let of_move = |id: String| format!("{PREFIX}{}_", id.replace('-', "_"));
        match &self.kind {
            LeftoverKind::ChangeTable => {
                Some(move_of_change_table(&self.name).map_or_else(|| PREFIX.to_owned(), of_move))
            }
            LeftoverKind::Trigger { .. }
            | LeftoverKind::Probe
            | LeftoverKind::JournalRow
            | LeftoverKind::IncomingRow
            | LeftoverKind::Position
            | LeftoverKind::Fence => None,
        }
    }

    /// The statement that drops it, if it takes one of its own.
    pub fn drop_statement(&self) -> Option<String> {
        match &self.kind {
            LeftoverKind::Trigger { .. } => Some(format!("DROP TRIGGER IF EXISTS {}", quote(&self.name))),
            LeftoverKind::ChangeTable => Some(own::changes::drop(std::slice::from_ref(&self.name))),
            LeftoverKind::Probe => Some(format!("DROP TABLE IF EXISTS {}", quote(&self.name))),
            LeftoverKind::JournalRow | LeftoverKind::IncomingRow | LeftoverKind::Position | LeftoverKind::Fence => None,
        }
    }
}

/// The epoch in a move's name: 7 for `m7-1`.
fn announced_in(id: &str) -> Option<u64> {
    let (epoch, ordinal) = id.strip_prefix('m')?.split_once('-')?;
    ordinal.parse::<u32>().ok()?;
    epoch.parse().ok()
}

/// The move that a trigger of ours is named after: `m7-1` for `_as_m7_1_3_u`.
fn move_of_trigger(name: &str) -> Option<String> {
    move_of_label(name.strip_prefix(PREFIX)?)
}

/// The move that a change table is named after: `m7-1` for `ch_m7_1_3`.
fn move_of_change_table(name: &str) -> Option<String> {
    move_of_label(name.strip_prefix(CHANGES)?)
}

fn move_of_label(rest: &str) -> Option<String> {
    let mut parts = rest.split('_');
    let id = format!("{}-{}", parts.next()?, parts.next()?);
    announced_in(&id)?;
    parts.next().map(|_| id)
}

#[cfg(test)]
mod tests {
    use keyspace::slots::{plan_even_spread, plan_half};
    use keyspace::topology::{Shard, Transfer};

    use super::*;

    fn id(number: u16) -> ShardId {
        ShardId::new(format!("shard-{number}")).unwrap()
    }

    /// Epoch 2 without moves, and epoch 3 with `m3-1` from shard 1 to shard 2.
    fn topologies() -> (Topology, Topology) {
        let shard = |number| Shard {
            id: id(number),
            endpoint: keyspace::endpoint::Endpoint::tcp("127.0.0.1", number, "u", "p", "app"),
        };
        let still = Topology::first(vec![shard(1)], plan_even_spread(1)).unwrap().with_shard(shard(2));
        let transfer = Transfer { source: id(1), target: id(2), slots: plan_half(&still.owned(&id(1))) };
        (still.clone(), still.with_moves(&[transfer]).unwrap())
    }

    /// With two change tables, one of them as earlier versions named theirs, and two fences up.
    fn seen(triggers: &[&str], moves: &[&str]) -> OwnObjects {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        OwnObjects {
            triggers: triggers.iter().map(|name| ("t".to_owned(), (*name).to_owned())).collect(),
            change_tables: owned(&["ch_0", "ch_m3_1_0"]),
            journal: owned(moves),
            incoming: owned(moves),
            positions: owned(moves),
            fences: owned(&["1", "37"]),
            ..OwnObjects::default()
        }
    }

    #[track_caller]
    fn check(seen: &OwnObjects, shard: u16, topology: &Topology, expected: &[(&str, bool)]) {
        let found = seen.leftovers(&OwnObjects::default(), &id(shard), topology);
        let found: Vec<_> = found.iter().map(|leftover| (leftover.name.as_str(), leftover.is_over)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_a_move_of_the_topology_needs_is_not_left_over() {
        let (still, moving) = topologies();
        let of_move = seen(&["_as_m3_1_0_i"], &["m3-1"]);
        let switched = moving.with_switched(&moving.moves()[0].id).unwrap();
        check(&of_move, 1, &switched, &[("37", true)]);
        // Its fence may have been raised since the topology was read; nobody has the other one.
        check(&of_move, 1, &moving, &[("1", false), ("37", true)]);
        let target = OwnObjects { triggers: Vec::new(), ..of_move.clone() };
        check(&target, 2, &moving, &[("ch_0", true), ("1", true), ("37", true)]);
        // Announced by an epoch that is not seen yet: nobody may touch it.
        let ahead = [
            ("_as_m3_1_0_i", false),
            ("ch_0", false),
            ("ch_m3_1_0", false),
            ("m3-1", false),
            ("m3-1", false),
            ("m3-1", false),
            ("1", true),
            ("37", true),
        ];
        check(&of_move, 1, &still, &ahead);
    }

    #[test]
    fn what_earlier_moves_left_is_surplus_also_while_others_are_under_way() {
        let (still, moving) = topologies();
        let left = OwnObjects { change_tables: vec!["ch_m2_1_0".to_owned()], ..seen(&["_as_m2_1_0_i"], &["m2-1"]) };
        let of_moves = [("_as_m2_1_0_i", true), ("ch_m2_1_0", true), ("m2-1", true), ("m2-1", true), ("m2-1", true)];
        check(&left, 1, &still, &[&of_moves[..], &[("1", true), ("37", true)]].concat());
        check(&left, 1, &moving, &[&of_moves[..], &[("1", false), ("37", true)]].concat());
    }

    #[test]
    fn a_trigger_that_tells_no_move_stays_and_keeps_the_change_tables_that_tell_none() {
        let (still, _) = topologies();
        let tables = vec!["ch_0".to_owned(), "ch_m2_1_0".to_owned()];
        let seen = OwnObjects { change_tables: tables, fences: Vec::new(), ..seen(&["_as_mine"], &[]) };
        check(&seen, 1, &still, &[("_as_mine", false), ("ch_0", false), ("ch_m2_1_0", true)]);
        assert_eq!(move_of_trigger("_as_m7_1_3_u").as_deref(), Some("m7-1"));
        for name in ["_as_m7_1", "_as_mx_1_0_u", "as_m7_1_0_u", "_as_7_1_0_u"] {
            assert_eq!(move_of_trigger(name), None, "{name}");
        }
        assert_eq!(move_of_change_table("ch_m7_1_3").as_deref(), Some("m7-1"));
        for name in ["ch_3", "ch_m7_1", "ch_mx_1_0", "kept_m7_1_3"] {
            assert_eq!(move_of_change_table(name), None, "{name}");
        }
    }

    #[test]
    fn a_change_table_is_kept_by_the_triggers_that_write_to_it() {
        let of = |name: &str| {
            Leftover { kind: LeftoverKind::ChangeTable, name: name.to_owned(), is_over: true }
                .writing_triggers()
                .unwrap()
        };
        assert_eq!((of("ch_m7_1_3").as_str(), of("ch_3").as_str()), ("_as_m7_1_", "_as_"));
    }

    #[test]
    fn the_table_of_a_try_is_left_over_if_it_stays() {
        let (still, _) = topologies();
        let at = |time: &str| OwnObjects { probe: Some(time.to_owned()), ..OwnObjects::default() };
        assert!(at("10:00").leftovers(&OwnObjects::default(), &id(1), &still).is_empty());
        assert!(at("10:00").leftovers(&at("9:59"), &id(1), &still).is_empty());
        assert_eq!(at("10:00").leftovers(&at("10:00"), &id(1), &still)[0].kind, LeftoverKind::Probe);
    }
}
