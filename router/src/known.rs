//! Reads seen before: what was found out about one statement serves the next of the same outline, without the parser.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use keyspace::keys::KeyLiteral;

use crate::sql::meaning::statement::{Condition, Operand, Scope, Statement};
use crate::sql::read::outline::Outline;

/// What is kept takes so much memory at most. An application has some hundreds of outlines, which take less than 1 MB.
const CAPACITY_BYTES: usize = 8 << 20;

/// What is known of the reads seen so far.
#[derive(Default)]
pub struct KnownReads {
    reads: RwLock<Generations>,
}

/// Reads that were seen lately, and before that: what is used moves up, and the rest goes when the first are too many.
#[derive(Default)]
struct Generations {
    young: HashMap<Vec<u8>, Arc<KnownRead>>,
    old: HashMap<Vec<u8>, Arc<KnownRead>>,
    young_bytes: usize,
}

impl Generations {
    fn insert(&mut self, key: Vec<u8>, known: Arc<KnownRead>) {
        let bytes = known.bytes(&key);
        if bytes > CAPACITY_BYTES / 8 {
            return;
        }
        if self.young_bytes + bytes > CAPACITY_BYTES / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        if self.young.insert(key, known).is_none() {
            self.young_bytes += bytes;
        }
    }
}

struct KnownRead {
    /// With the literals of the statement that was read.
    scopes: Vec<Scope>,
    /// Scope, condition, literal of the condition, literal of the outline.
    places: Vec<(usize, usize, usize, usize)>,
}

impl KnownRead {
    /// An upper bound of the memory that it takes under this key.
    fn bytes(&self, key: &[u8]) -> usize {
        // A literal with its text and its place; a name with its allocation; the maps' own.
        const LITERAL: usize = 160;
        const NAME: usize = 64;
        const ENTRY: usize = 512;
        let condition = |condition: &Condition| match &condition.operand {
            Operand::Literals(literals) => size_of::<Condition>() + 2 * NAME + literals.len() * LITERAL,
            Operand::Column(_) => size_of::<Condition>() + 4 * NAME,
        };
        let scope = |scope: &Scope| {
            let names = 3 * scope.tables.len() + scope.derived.len() + scope.ctes.len();
            size_of::<Scope>() + names * 2 * NAME + scope.conditions.iter().map(condition).sum::<usize>()
        };
        // Of the literals' texts no more than the statement had bytes.
        ENTRY + 2 * key.len() + self.scopes.iter().map(scope).sum::<usize>()
    }
}

impl KnownReads {
    /// The scopes that parsing the outline's statement would give.
    pub fn scopes(&self, outline: &Outline) -> Option<Vec<Scope>> {
        let known = self.find(&outline.key)?;
        let mut scopes = known.scopes.clone();
        for &(scope, condition, place, literal) in &known.places {
            if let Operand::Literals(literals) = &mut scopes[scope].conditions[condition].operand {
                literals[place].value = outline.literals[literal].1.clone();
            }
        }
        Some(scopes)
    }

    fn find(&self, key: &[u8]) -> Option<Arc<KnownRead>> {
        {
            let reads = self.reads.read().expect("no holder of this lock panics");
            if let Some(known) = reads.young.get(key) {
                return Some(known.clone());
            }
            if !reads.old.contains_key(key) {
                return None;
            }
        }
        let mut reads = self.reads.write().expect("no holder of this lock panics");
        let (key, known) = reads.old.remove_entry(key)?;
        reads.insert(key, known.clone());
        Some(known)
    }

    /// Remembers a statement that was read in full, if all that matters of its literals is their values.
    pub fn learn(&self, outline: Outline, statement: &Statement) {
        let Statement::Read(read) = statement else { return };
        let Some(places) = places(&read.scopes, &outline) else { return };
        let known = Arc::new(KnownRead { scopes: read.scopes.clone(), places });
        self.reads.write().expect("no holder of this lock panics").insert(outline.key, known);
    }
}

/// Where each condition's literals stand in the outline; `None` if one depends on more than its own value there.
fn places(scopes: &[Scope], outline: &Outline) -> Option<Vec<(usize, usize, usize, usize)>> {
    let mut places = Vec::new();
    for (scope_index, scope) in scopes.iter().enumerate() {
        for (condition_index, condition) in scope.conditions.iter().enumerate() {
            let Operand::Literals(literals) = &condition.operand else { continue };
            // The range of a BETWEEN that is empty; another one is not.
            if literals.is_empty() {
                return None;
            }
            for (place, literal) in literals.iter().enumerate() {
                let found = literal.at.and_then(|at| outline.literals.binary_search_by_key(&at, |(at, _)| *at).ok());
                match (&literal.value, found) {
                    (KeyLiteral::Null | KeyLiteral::Other, None) => {}
                    (value, Some(found)) if *value == outline.literals[found].1 => {
                        places.push((scope_index, condition_index, place, found));
                    }
                    // A sign, say.
                    _ => return None,
                }
            }
        }
    }
    Some(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::meaning::analyse::analyse;
    use crate::sql::read::outline::outline;
    use crate::sql::read::read;

    fn parsed(text: &str) -> Statement {
        analyse(&read(text, &[]).unwrap()).unwrap()
    }

    /// What is known after `first` says of `second`, beside what parsing says.
    fn check(first: &str, second: &str, is_known: bool) {
        let reads = KnownReads::default();
        reads.learn(outline(first).unwrap(), &parsed(first));
        let Statement::Read(expected) = parsed(second) else { panic!("not a read: {second}") };
        let known = reads.scopes(&outline(second).unwrap());
        assert_eq!(known.is_some(), is_known, "{first}\n{second}");
        if let Some(known) = known {
            assert_eq!(format!("{known:?}"), format!("{:?}", expected.scopes), "{first}\n{second}");
        }
    }

    #[test]
    fn another_value_is_put_in_its_place() {
        check("SELECT a FROM t WHERE k = 1", "SELECT a FROM t WHERE k = 22", true);
        check("SELECT a FROM t WHERE k = 'x' LIMIT 3", "SELECT a FROM t WHERE k = 'yy' LIMIT 4", true);
        check("SELECT 1 FROM t WHERE k IN (1, 2) AND 3 = b", "SELECT 4 FROM t WHERE k IN (5, 6) AND 7 = b", true);
        check("SELECT a FROM t WHERE k IN (1, NULL, a + 2)", "SELECT a FROM t WHERE k IN (3, NULL, a + 4)", true);
        check(
            "SELECT a FROM t JOIN u ON t.k = u.k AND u.b = 1 WHERE t.k IN (SELECT k FROM v WHERE k = 2)",
            "SELECT a FROM t JOIN u ON t.k = u.k AND u.b = 3 WHERE t.k IN (SELECT k FROM v WHERE k = 4)",
            true,
        );
    }

    #[test]
    fn what_is_not_the_same_but_for_values_stays_unknown() {
        check("SELECT a FROM t WHERE k = 1", "SELECT a FROM t WHERE k = '1'", false);
        check("SELECT a FROM t WHERE k = 1", "SELECT a FROM t WHERE k > 1", false);
        check("SELECT a FROM t WHERE k = -1", "SELECT a FROM t WHERE k = -2", false);
        check("SELECT a FROM t WHERE k BETWEEN 5 AND 1", "SELECT a FROM t WHERE k BETWEEN 1 AND 9", false);
        check("SELECT a FROM t WHERE k BETWEEN 1 AND 3", "SELECT a FROM t WHERE k BETWEEN 4 AND 6", false);
        check("SELECT a FROM t WHERE k = + 1", "SELECT a FROM t WHERE k = + 2", false);
    }

    #[test]
    fn endless_variety_does_not_fill_the_memory() {
        let reads = KnownReads::default();
        let (used, statement) = ("SELECT used FROM t", parsed("SELECT a FROM t"));
        reads.learn(outline(used).unwrap(), &statement);
        for number in 0..20_000 {
            let text = format!("SELECT a{number} FROM t");
            reads.learn(outline(&text).unwrap(), &statement);
            if number % 100 == 0 {
                assert!(reads.scopes(&outline(used).unwrap()).is_some(), "what is used stays");
            }
        }
        let kept = reads.reads.read().unwrap();
        let bytes = kept.young.iter().chain(&kept.old).map(|(key, known)| known.bytes(key)).sum::<usize>();
        assert!(bytes <= CAPACITY_BYTES && bytes > CAPACITY_BYTES / 4, "{bytes}");
    }

    #[test]
    fn a_long_statement_is_not_kept() {
        let reads = KnownReads::default();
        let text = format!("SELECT a FROM t WHERE k IN ({})", vec!["1"; 1_900].join(","));
        reads.learn(outline(&text).unwrap(), &parsed(&text));
        assert!(reads.scopes(&outline(&text).unwrap()).is_some());
        assert_eq!(outline(&format!("SELECT a FROM t WHERE k IN ({})", vec!["1"; 2_100].join(","))), None);
    }
}
