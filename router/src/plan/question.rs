//! A read that several shards have to answer.

use std::cell::OnceCell;

use super::place::Several;
use crate::sql::meaning::statement::Read;
use crate::sql::read::error::Unsupported;
use crate::sql::read::source::Sql;
use crate::sql::text::relations::{Relations, relations};

/// The read, and what more than one way to answer it has to know.
pub struct Question<'a> {
    pub sql: &'a Sql,
    pub read: &'a Read,
    pub several: &'a Several,
    relations: OnceCell<Result<Relations, Unsupported>>,
}

impl<'a> Question<'a> {
    pub fn new(sql: &'a Sql, read: &'a Read, several: &'a Several) -> Question<'a> {
        Question { sql, read, several, relations: OnceCell::new() }
    }

    /// Found out when first asked for: one table alone does not take it.
    pub fn relations(&self) -> Result<&Relations, Unsupported> {
        self.relations.get_or_init(|| relations(self.sql, self.read)).as_ref().map_err(Unsupported::clone)
    }

    /// The refusal of a construct, with a way around it.
    pub fn refusal(&self, unsupported: Unsupported) -> Unsupported {
        Unsupported {
            construct: format!("{} over several shards", unsupported.construct),
            hint: unsupported.hint.or_else(|| Some(format!("name the sharding key: {}", self.several.reason))),
        }
    }

    /// Why it is gathered: what stands in the way of merging.
    pub fn reason(&self, why: &Unsupported) -> String {
        let why = why.construct.replace(" over several shards", "");
        format!("{}; {} cannot be merged: its rows are gathered", self.several.reason, why.trim_end_matches(','))
    }
}
