//! Reads seen before: what was found out about one statement serves the next of the same outline, without the parser.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use crate::keys::KeyLiteral;
use crate::sql::outline::Outline;
use crate::sql::statement::{Operand, Scope, Statement};

/// Outlines kept; an application has some hundreds. One that builds its SQL in endless variety starts anew.
const CAPACITY: usize = 4_096;

/// What is known of the reads seen so far.
#[derive(Default)]
pub struct KnownReads {
    reads: RwLock<HashMap<Vec<u8>, Arc<Known>>>,
}

struct Known {
    /// With the literals of the statement that was read.
    scopes: Vec<Scope>,
    /// Scope, condition, literal of the condition, literal of the outline.
    places: Vec<(usize, usize, usize, usize)>,
}

impl KnownReads {
    /// The scopes that parsing the outline's statement would give.
    pub fn scopes(&self, outline: &Outline) -> Option<Vec<Scope>> {
        let known = self.reads.read().expect("no holder of this lock panics").get(&outline.key)?.clone();
        let mut scopes = known.scopes.clone();
        for &(scope, condition, place, literal) in &known.places {
            if let Operand::Literals(literals) = &mut scopes[scope].conditions[condition].operand {
                literals[place].value = outline.literals[literal].1.clone();
            }
        }
        Some(scopes)
    }

    /// Remembers a statement that was read in full, if all that matters of its literals is their values.
    pub fn learn(&self, outline: Outline, statement: &Statement) {
        let Statement::Read(read) = statement else { return };
        let Some(places) = places(&read.scopes, &outline) else { return };
        let known = Arc::new(Known { scopes: read.scopes.clone(), places });
        let mut reads = self.reads.write().expect("no holder of this lock panics");
        if reads.len() >= CAPACITY {
            reads.clear();
        }
        reads.insert(outline.key, known);
    }
}

/// Where each condition's literals stand in the outline; `None` if one depends on more than its own value there.
fn places(scopes: &[Scope], outline: &Outline) -> Option<Vec<(usize, usize, usize, usize)>> {
    let mut places = Vec::new();
    for (scope_index, scope) in scopes.iter().enumerate() {
        for (condition_index, condition) in scope.conditions.iter().enumerate() {
            let Operand::Literals(literals) = &condition.operand else { continue };
            for (place, literal) in literals.iter().enumerate() {
                let found = outline.literals.iter().position(|(at, _)| Some(*at) == literal.at);
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
    use crate::sql::outline::outline;
    use crate::sql::{analyse, read};

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
        check("SELECT a FROM t WHERE k = + 1", "SELECT a FROM t WHERE k = + 2", false);
    }

    #[test]
    fn endless_variety_does_not_fill_the_memory() {
        let reads = KnownReads::default();
        for number in 0..CAPACITY + 10 {
            let text = format!("SELECT a{number} FROM t");
            reads.learn(outline(&text).unwrap(), &parsed("SELECT a FROM t"));
        }
        assert!(reads.reads.read().unwrap().len() <= CAPACITY);
    }
}
