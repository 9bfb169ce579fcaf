//! Decides, without IO, which shards a statement goes to, what each gets, and how the answers become one.

mod change;
mod define;
mod floats;
mod gather;
mod information_schema;
mod insert;
mod names;
mod order;
mod place;
mod planner;
mod question;
mod reduce;
mod refusal;
mod scatter;
mod select;
mod stains;
#[cfg(test)]
mod tests;
mod together;
mod tree;
mod unique;

use self::names::is_information_schema;
use self::place::{Place, Several};
pub use self::planner::Planner;
use self::question::Question;
pub use self::refusal::Refusal;
pub use self::tree::{
    Combine, DefineNode, Gather, Grouping, IdsWanted, Merge, MergeKey, Node, Part, Plan, Position, ReadNode, Refill,
    Relocation, Route, Window, WriteNode, WritePart,
};
use crate::sql;
use crate::sql::meaning::analyse::analyse;
use crate::sql::meaning::inspect::Inspect;
use crate::sql::meaning::statement::{Opaque, Read, Scope, Statement, TableUse};
use crate::sql::read::error::Unsupported;
use crate::sql::read::source::Sql;
use crate::sql::text::freeze::frozen;

impl Planner<'_> {
    /// Plans a statement for this topology and schema.
    pub fn plan(&self, sql: &Sql, statement: &Statement) -> Result<Plan, Refusal> {
        self.resolve_names(sql, statement)?;
        let plan = self.plan_by_kind(sql, statement)?;
        Ok(Plan { stains: self.may_stain(sql, statement), ..plan })
    }

    fn plan_by_kind(&self, sql: &Sql, statement: &Statement) -> Result<Plan, Refusal> {
        match statement {
            Statement::Read(read) => self.plan_read(sql, read),
            Statement::Insert(insert) => self.plan_insert(sql, insert),
            Statement::Change(change) => self.plan_change(sql, change),
            Statement::Define(define) => self.plan_define(sql, define),
            Statement::Inspect(inspect) => self.plan_inspect(sql, inspect),
            Statement::Explain(explained) => self.plan_explain(sql, &explained.0, &explained.1),
            Statement::Unread(why) => Err(why.clone().into()),
            Statement::Opaque(opaque) => self.plan_opaque(sql, opaque),
        }
    }

    fn plan_inspect(&self, sql: &Sql, inspect: &Inspect) -> Result<Plan, Refusal> {
        if let Some(other) = inspect.databases.iter().find(|name| *name != self.schema.database()) {
            return Err(self.other_database(other));
        }
        for table in &inspect.tables {
            self.own_schema(table)?;
        }
        let text = inspect.sql(self.schema.database());
        match (inspect.is_alike, self.only_owner()) {
            (true, _) => {
                let reason = "every shard has the same tables; the home shard answers".to_owned();
                Ok(self.read_from(Route::Home, &self.topology.home().id, text, true, reason))
            }
            (false, Some(shard)) => {
                let reason = "one shard owns every row".to_owned();
                Ok(self.read_from(Route::Single, &shard, text, true, reason))
            }
            (false, None) => Err(Unsupported::new(format!("{} over several shards", sql.text)).into()),
        }
    }

    fn plan_explain(&self, sql: &Sql, explained: &Sql, statement: &Statement) -> Result<Plan, Refusal> {
        let Some(shard) = self.only_owner() else {
            let hint = "POST /explain shows where a statement goes";
            return Err(Unsupported::with_hint("EXPLAIN over several shards", hint).into());
        };
        match statement {
            Statement::Read(_) | Statement::Insert(_) | Statement::Change(_) | Statement::Opaque(_) => {
                self.resolve_names(explained, statement)?;
            }
            Statement::Define(_) | Statement::Unread(_) | Statement::Inspect(_) | Statement::Explain(_) => {
                return Err(Unsupported::new("EXPLAIN of this statement").into());
            }
        }
        if sql::read::names::qualified(explained).iter().any(|name| is_information_schema(name.first())) {
            return Err(Unsupported::new("EXPLAIN of a read of information_schema").into());
        }
        let reason = "one shard owns every row".to_owned();
        Ok(self.read_from(Route::Single, &shard, sql.text.clone(), true, reason))
    }

    fn plan_read(&self, sql: &Sql, read: &Read) -> Result<Plan, Refusal> {
        if let Some(plan) = self.plan_information_schema(sql, read)? {
            return Ok(plan);
        }
        let (text, float_columns) = self.read_floats(sql, read)?;
        let mut plan = match self.read_at(self.place(&read.scopes)?, text) {
            Ok(plan) => plan,
            Err(several) => {
                let frozen = frozen(sql, self.now).and_then(|sql| match analyse(&sql) {
                    Ok(Statement::Read(read)) => Some((sql, read)),
                    _ => None,
                });
                let (sql, read) = frozen.as_ref().map_or((sql, read), |(sql, read)| (sql, read));
                let plan = self.plan_several(&Question::new(sql, read, &several))?;
                return Ok(Plan { slots: several.slots.into_iter().collect(), ..plan });
            }
        };
        if let Node::Read(node) = &mut plan.node {
            node.float_columns = float_columns;
        }
        Ok(plan)
    }

    /// Merged if that is possible, else over what is left of each shard's rows, else over copies of them.
    fn plan_several(&self, question: &Question) -> Result<Plan, Refusal> {
        let scattered = match self.unmergeable {
            Some(why) => Err(Refusal::Unsupported(why.clone())),
            None => self.plan_scatter(question),
        };
        match scattered {
            Err(Refusal::Unsupported(why)) => match self.plan_reduced(question, &why) {
                Some(plan) => Ok(plan),
                None => self.plan_gather(question, &why),
            },
            outcome => outcome,
        }
    }

    /// Plans a read of which only the scopes are known; `None` if that takes the whole statement.
    pub fn plan_by_scopes(&self, text: &str, scopes: &[Scope]) -> Option<Plan> {
        let mut tables = scopes.iter().flat_map(|scope| &scope.tables);
        let is_sent_unchanged = |used: &TableUse| {
            let table = self.schema.table(&used.table.name).filter(|_| self.own_schema(&used.table).is_ok());
            table.is_some_and(|table| !table.columns.iter().any(floats::is_float))
        };
        if !tables.all(is_sent_unchanged) {
            return None;
        }
        self.read_at(self.place(scopes).ok()?, text.to_owned()).ok()
    }

    /// A read of one place; the place is given back if it is several.
    fn read_at(&self, place: Place, text: String) -> Result<Plan, Several> {
        Ok(match place {
            Place::Any => {
                let reason = "only reference tables, which every shard has whole".to_owned();
                self.read_from(Route::Reference, &self.topology.home().id, text, true, reason)
            }
            Place::Home => {
                let reason = "unsharded tables lie on the home shard".to_owned();
                self.read_from(Route::Home, &self.topology.home().id, text, true, reason)
            }
            Place::Shard { shard, reason, slots, may_touch_others } => {
                let moving = may_touch_others || self.any_moving(&slots);
                let plan = self.read_from(Route::Single, &shard, text, moving, reason);
                Plan { slots: slots.into_iter().collect(), ..plan }
            }
            Place::Several(several) => return Err(several),
        })
    }

    fn plan_opaque(&self, sql: &Sql, opaque: &Opaque) -> Result<Plan, Refusal> {
        match (self.only_owner(), opaque.writes) {
            (Some(shard), false) => {
                let reason = "one shard owns every row".to_owned();
                Ok(self.read_from(Route::Single, &shard, sql.text.clone(), true, reason))
            }
            // While rows move, a write that is not understood could not be sent on to their new owner.
            (Some(shard), true) if self.topology.moves().is_empty() => {
                let reason = "one shard owns every row".to_owned();
                Ok(self.write_to(Route::Single, shard, sql.text.clone(), true, reason))
            }
            (Some(_), true) | (None, _) => Err(opaque.why.clone().into()),
        }
    }
}
