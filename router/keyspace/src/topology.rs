//! Who owns what: shards, endpoints, the slot map and the moves in progress, under one ever-rising epoch.
//!
//! A [`Topology`] is an immutable value. Changes make the next one, one epoch later; [`crate::own::topology`] writes it to the
//! shards by compare-and-set.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::slots::{self, Slot, SlotSet};

/// The name of one database that owns part of the rows: letters, digits, `-`, `_` and `.`, at most 48 of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ShardId(String);

impl ShardId {
    pub fn new(name: impl Into<String>) -> Result<ShardId, TopologyError> {
        let name = name.into();
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        match !name.is_empty() && name.len() <= 48 && name.chars().all(legal) {
            true => Ok(ShardId(name)),
            false => Err(TopologyError::ShardName(name)),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ShardId {
    type Error = TopologyError;
    fn try_from(name: String) -> Result<ShardId, TopologyError> {
        ShardId::new(name)
    }
}

impl From<ShardId> for String {
    fn from(id: ShardId) -> String {
        id.0
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The version of a topology. The highest one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch(u64);

impl Epoch {
    pub const FIRST: Epoch = Epoch(1);

    pub fn from_number(number: u64) -> Epoch {
        Epoch(number)
    }

    pub fn number(self) -> u64 {
        self.0
    }

    pub fn next(self) -> Epoch {
        Epoch(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a move, `m7-1` for the first one announced in epoch 7. Unique in a cluster because epochs are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MoveId(String);

impl MoveId {
    fn new(epoch: Epoch, ordinal: usize) -> MoveId {
        MoveId(format!("m{epoch}-{ordinal}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MoveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Debug, Eq, Serialize, Deserialize)]
pub struct Shard {
    pub id: ShardId,
    #[serde(rename = "dsn")]
    pub endpoint: Endpoint,
}

/// By name and place: how it is logged in to is everybody's own knowledge, and no part of a topology.
impl PartialEq for Shard {
    fn eq(&self, other: &Shard) -> bool {
        self.id == other.id && self.endpoint.is_same_place(&other.endpoint)
    }
}

/// How far a move is, as far as readers must know.
///
/// ```text
/// Announced ──cutover commits──▶ Switched ──moved rows deleted from the source──▶ (gone)
///     └──────────aborted──────────────────────────────────────────────────────▶ (gone)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MovePhase {
    /// Rows are being copied; the source owns the slots.
    Announced,
    /// The target owns the slots; the source still holds copies that nobody may see.
    Switched,
}

/// Slots on their way from one shard to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotMove {
    pub id: MoveId,
    pub source: ShardId,
    pub target: ShardId,
    pub slots: SlotSet,
    pub phase: MovePhase,
    /// The row of the source's `_autoscaler.fence` that stops its writers; its own among the moves of that source.
    #[serde(default = "first_fence")]
    pub fence: u8,
}

/// Topologies of earlier versions know one move for each source.
fn first_fence() -> u8 {
    1
}

/// So many moves may leave one shard at a time.
pub const MOST_FENCES: u8 = 64;

/// One version of who owns what. Every slot has exactly one owner, by construction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Document", into = "Document")]
pub struct Topology {
    epoch: Epoch,
    shards: Vec<Shard>,
    owners: Owners,
    moves: Vec<SlotMove>,
}

/// Who owns each slot, by index into the shards.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owners {
    of_slot: Vec<u16>,
    /// Those that own any, ascending: every statement asks.
    distinct: Vec<u16>,
}

impl Owners {
    fn new(of_slot: Vec<u16>) -> Owners {
        let mut distinct = of_slot.clone();
        distinct.sort_unstable();
        distinct.dedup();
        Owners { of_slot, distinct }
    }

    fn of(&self, slot: Slot) -> u16 {
        self.of_slot[usize::from(slot.number())]
    }
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TopologyError {
    #[error("`{0}` is not a shard id: use 1 to 48 letters, digits, `-`, `_` or `.`")]
    ShardName(String),
    #[error("a topology needs at least one shard")]
    NoShards,
    #[error("shard {0} appears twice")]
    DuplicateShard(ShardId),
    #[error("shard {0} is not part of the topology")]
    UnknownShard(ShardId),
    #[error("slot {0} has {1} owners instead of one")]
    Owners(Slot, usize),
    #[error("move {0} is not part of the topology")]
    UnknownMove(MoveId),
    #[error("shard {0} does not own every slot that is to leave it, or some are moving already")]
    NotMovable(ShardId),
}

/// The slots that one shard is to give to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    pub source: ShardId,
    pub target: ShardId,
    pub slots: SlotSet,
}

impl Topology {
    /// Epoch 1: `shards` in order, each with its slots.
    pub fn first(shards: Vec<Shard>, slots: Vec<SlotSet>) -> Result<Topology, TopologyError> {
        Topology::build(Epoch::FIRST, shards, slots, Vec::new())
    }

    fn build(
        epoch: Epoch,
        shards: Vec<Shard>,
        slots: Vec<SlotSet>,
        moves: Vec<SlotMove>,
    ) -> Result<Topology, TopologyError> {
        if shards.is_empty() {
            return Err(TopologyError::NoShards);
        }
        for (i, shard) in shards.iter().enumerate() {
            if shards[..i].iter().any(|other| other.id == shard.id) {
                return Err(TopologyError::DuplicateShard(shard.id.clone()));
            }
        }
        let owners = slots::all_slots()
            .map(|slot| {
                let mut holders = (0u16..).zip(&slots).filter(|(_, set)| set.contains(slot));
                match (holders.next(), holders.count()) {
                    (Some((index, _)), 0) => Ok(index),
                    (first, more) => Err(TopologyError::Owners(slot, usize::from(first.is_some()) + more)),
                }
            })
            .collect::<Result<Vec<u16>, _>>()?;
        let topology = Topology { epoch, shards, owners: Owners::new(owners), moves };
        for SlotMove { source, target, .. } in &topology.moves {
            topology.index(source)?;
            topology.index(target)?;
        }
        Ok(topology)
    }

    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Every shard, also those that own nothing yet, in the order in which they joined.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    pub fn shard(&self, id: &ShardId) -> Option<&Shard> {
        self.shards.iter().find(|shard| shard.id == *id)
    }

    /// The shard of unsharded tables: the first one.
    pub fn home(&self) -> &Shard {
        &self.shards[0]
    }

    pub fn owner(&self, slot: Slot) -> &Shard {
        &self.shards[usize::from(self.owners.of(slot))]
    }

    /// Whether every slot has the same owner in both.
    pub fn has_same_owners(&self, other: &Topology) -> bool {
        let same_shards = self.shards.iter().map(|shard| &shard.id).eq(other.shards.iter().map(|shard| &shard.id));
        match same_shards {
            true => self.owners == other.owners,
            false => slots::all_slots().all(|slot| self.owner(slot).id == other.owner(slot).id),
        }
    }

    /// The place, in shard order, of a slot's owner.
    pub fn position(&self, slot: Slot) -> usize {
        usize::from(self.owners.of(slot))
    }

    /// The slots that a shard owns; empty for a shard that is only joining.
    pub fn owned(&self, id: &ShardId) -> SlotSet {
        slots::all_slots().filter(|&slot| self.owner(slot).id == *id).collect()
    }

    /// The shards that own at least one slot, in shard order. Never empty.
    pub fn owning_shards(&self) -> Vec<&Shard> {
        self.owners.distinct.iter().map(|&index| &self.shards[usize::from(index)]).collect()
    }

    pub fn owning_shard_count(&self) -> usize {
        self.owners.distinct.len()
    }

    pub fn moves(&self) -> &[SlotMove] {
        &self.moves
    }

    /// The moves that a shard takes part in, as source or target.
    pub fn moves_touching<'a>(&'a self, id: &'a ShardId) -> impl Iterator<Item = &'a SlotMove> {
        self.moves.iter().filter(move |slot_move| slot_move.source == *id || slot_move.target == *id)
    }

    /// The next topology, in which a shard without slots has joined (a shard that is there already keeps its
    /// place and takes the new endpoint).
    pub fn with_shard(&self, shard: Shard) -> Topology {
        let mut next = self.following();
        match next.shards.iter_mut().find(|known| known.id == shard.id) {
            Some(known) => *known = shard,
            None => next.shards.push(shard),
        }
        next
    }

    /// The next topology, in which shards that are known already are reached elsewhere.
    pub fn with_endpoints(&self, moved: &[Shard]) -> Result<Topology, TopologyError> {
        let mut next = self.following();
        for shard in moved {
            let index = self.index(&shard.id)?;
            next.shards[usize::from(index)].endpoint = shard.endpoint.clone();
        }
        Ok(next)
    }

    /// The next topology, with the same content: what is stored is written anew.
    pub fn renewed(&self) -> Topology {
        self.following()
    }

    /// The same topology, whose shards are reached by what `complete` makes of their endpoints.
    pub fn completed(mut self, complete: impl Fn(&Endpoint) -> Endpoint) -> Topology {
        for shard in &mut self.shards {
            shard.endpoint = complete(&shard.endpoint);
        }
        self
    }

    /// Whether any shard has a login in it, as what earlier versions stored.
    pub fn has_logins(&self) -> bool {
        self.shards.iter().any(|shard| shard.endpoint.login().is_some())
    }

    /// The next topology, in which the transfers are announced as moves.
    pub fn with_moves(&self, transfers: &[Transfer]) -> Result<Topology, TopologyError> {
        let mut next = self.following();
        for (ordinal, transfer) in (1..).zip(transfers) {
            self.index(&transfer.target)?;
            let owned = self.owned(&transfer.source);
            let free = |slot| owned.contains(slot) && !next.moves.iter().any(|other| other.slots.contains(slot));
            if !transfer.slots.iter().all(free) {
                return Err(TopologyError::NotMovable(transfer.source.clone()));
            }
            next.moves.push(SlotMove {
                id: MoveId::new(next.epoch, ordinal),
                source: transfer.source.clone(),
                target: transfer.target.clone(),
                slots: transfer.slots.clone(),
                phase: MovePhase::Announced,
                fence: next.free_fence(&transfer.source)?,
            });
        }
        Ok(next)
    }

    fn free_fence(&self, source: &ShardId) -> Result<u8, TopologyError> {
        let is_free = |fence: &u8| !self.moves.iter().any(|known| known.source == *source && known.fence == *fence);
        (1..=MOST_FENCES).find(is_free).ok_or_else(|| TopologyError::NotMovable(source.clone()))
    }

    /// The fences that hold writers of a shard off while slots leave it, in no order. Empty if none are leaving.
    pub fn fences_of(&self, source: &ShardId) -> Vec<u8> {
        let is_leaving = |known: &&SlotMove| known.source == *source && known.phase == MovePhase::Announced;
        self.moves.iter().filter(is_leaving).map(|known| known.fence).collect()
    }

    /// The next topology, in which a move's target owns its slots.
    pub fn with_switched(&self, id: &MoveId) -> Result<Topology, TopologyError> {
        let mut next = self.following();
        let slot_move = next.moves.iter_mut().find(|slot_move| slot_move.id == *id);
        let slot_move = slot_move.ok_or_else(|| TopologyError::UnknownMove(id.clone()))?;
        slot_move.phase = MovePhase::Switched;
        let target = self.index(&slot_move.target)?;
        let mut owners = next.owners.of_slot;
        slot_move.slots.iter().for_each(|slot| owners[usize::from(slot.number())] = target);
        next.owners = Owners::new(owners);
        Ok(next)
    }

    /// The next topology, without a move that is cleaned up (or, while still announced, withdrawn).
    pub fn without_move(&self, id: &MoveId) -> Topology {
        let mut next = self.following();
        next.moves.retain(|slot_move| slot_move.id != *id);
        next
    }

    /// The next topology, without a shard that owns nothing and takes part in no move.
    pub fn without_shard(&self, id: &ShardId) -> Result<Topology, TopologyError> {
        let index = self.index(id)?;
        if self.owners.distinct.contains(&index) || self.moves_touching(id).next().is_some() {
            return Err(TopologyError::NotMovable(id.clone()));
        }
        let mut next = self.following();
        next.shards.remove(usize::from(index));
        let shifted = next.owners.of_slot.iter().map(|&owner| if owner > index { owner - 1 } else { owner });
        next.owners = Owners::new(shifted.collect());
        Ok(next)
    }

    /// The document that `GET /topology` shows: without passwords.
    pub fn to_public_json(&self) -> serde_json::Value {
        let shards: Vec<_> = self
            .shards
            .iter()
            .map(|shard| {
                let owned = self.owned(&shard.id);
                serde_json::json!({
                    "id": shard.id, "endpoint": shard.endpoint.to_string(),
                    "slots": owned, "slot_count": owned.len(),
                })
            })
            .collect();
        serde_json::json!({ "epoch": self.epoch, "shards": shards, "moves": self.moves })
    }

    fn following(&self) -> Topology {
        Topology { epoch: self.epoch.next(), ..self.clone() }
    }

    fn index(&self, id: &ShardId) -> Result<u16, TopologyError> {
        (0u16..)
            .zip(&self.shards)
            .find(|(_, shard)| shard.id == *id)
            .map(|(index, _)| index)
            .ok_or_else(|| TopologyError::UnknownShard(id.clone()))
    }
}

/// The JSON form of a topology, as the shards store it.
#[derive(Clone, Serialize, Deserialize)]
struct Document {
    epoch: Epoch,
    shards: Vec<DocumentShard>,
    moves: Vec<SlotMove>,
}

#[derive(Clone, Serialize, Deserialize)]
struct DocumentShard {
    #[serde(flatten)]
    shard: Shard,
    slots: SlotSet,
}

impl From<Topology> for Document {
    fn from(topology: Topology) -> Document {
        let shards = topology
            .shards
            .iter()
            .map(|shard| DocumentShard { shard: shard.clone(), slots: topology.owned(&shard.id) });
        Document { epoch: topology.epoch, shards: shards.collect(), moves: topology.moves }
    }
}

impl TryFrom<Document> for Topology {
    type Error = TopologyError;

    fn try_from(document: Document) -> Result<Topology, TopologyError> {
        let (shards, slots) = document.shards.into_iter().map(|entry| (entry.shard, entry.slots)).unzip();
        Topology::build(document.epoch, shards, slots, document.moves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(number: u16) -> Shard {
        Shard {
            id: ShardId::new(format!("shard-{number}")).unwrap(),
            endpoint: Endpoint::tcp("127.0.0.1", number, "u", "p w", "app"),
        }
    }

    fn one_shard() -> Topology {
        Topology::first(vec![shard(1)], slots::plan_even_spread(1)).unwrap()
    }

    fn moving_half() -> (Topology, MoveId) {
        let joined = one_shard().with_shard(shard(2));
        let transfer =
            Transfer { source: shard(1).id, target: shard(2).id, slots: slots::plan_half(&joined.owned(&shard(1).id)) };
        let announced = joined.with_moves(&[transfer]).unwrap();
        let id = announced.moves()[0].id.clone();
        (announced, id)
    }

    #[test]
    fn a_move_changes_owners_only_at_its_switch() {
        let (announced, id) = moving_half();
        assert_eq!(announced.epoch().number(), 3);
        assert_eq!(announced.owning_shards().len(), 1);
        let switched = announced.with_switched(&id).unwrap();
        assert_eq!(switched.owned(&shard(2).id).len(), 8192);
        assert_eq!(switched.owning_shards().len(), 2);
        let done = switched.without_move(&id);
        assert!(done.moves().is_empty());
        assert_eq!(done.epoch().number(), 5);
    }

    #[test]
    fn a_topology_survives_its_json() {
        let (announced, _) = moving_half();
        let text = serde_json::to_string(&announced).unwrap();
        let read = serde_json::from_str::<Topology>(&text).unwrap();
        assert_eq!(read, announced);
        assert!(announced.has_logins() && !read.has_logins());
        assert!(!text.contains("p%20w") && !text.contains("p w"), "{text}");
        assert!(!announced.to_public_json().to_string().contains("p w"));
        assert!(!announced.to_public_json().to_string().contains("p%20w"));
    }

    #[test]
    fn a_slot_without_or_with_two_owners_is_refused() {
        let all = slots::plan_even_spread(1).remove(0);
        let refused = |sets| Topology::first(vec![shard(1), shard(2)], sets).unwrap_err();
        assert_eq!(refused(vec![all.clone(), all]), TopologyError::Owners(Slot::new(0).unwrap(), 2));
        assert_eq!(refused(vec![SlotSet::empty(), SlotSet::empty()]), TopologyError::Owners(Slot::new(0).unwrap(), 0));
    }

    #[test]
    fn moving_slots_do_not_move_twice() {
        let (announced, _) = moving_half();
        let again = Transfer { source: shard(1).id, target: shard(2).id, slots: announced.moves()[0].slots.clone() };
        assert_eq!(announced.with_moves(&[again]), Err(TopologyError::NotMovable(shard(1).id)));
    }

    #[test]
    fn a_shard_leaves_only_when_it_owns_nothing() {
        let joined = one_shard().with_shard(shard(2));
        assert_eq!(joined.without_shard(&shard(1).id), Err(TopologyError::NotMovable(shard(1).id)));
        assert_eq!(joined.without_shard(&shard(2).id).unwrap().shards().len(), 1);
    }

    #[test]
    fn shard_names_are_checked() {
        assert!(ShardId::new("shard-1").is_ok());
        assert!(ShardId::new("").is_err());
        assert!(ShardId::new("a/b").is_err());
    }
}
