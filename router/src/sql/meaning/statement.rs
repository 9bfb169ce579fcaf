//! What a statement means to the planner: a closed, small picture of sqlparser's tree.
//!
//! Only this folder knows that tree. The picture names tables, the conditions that may pin a sharding key, and, for
//! a SELECT over one table, its parts as source text; it keeps everything else as the client wrote it.

use std::ops::Range;

use keyspace::keys::KeyLiteral;

use crate::sql::meaning::inspect::Inspect;
use crate::sql::read::error::Unsupported;
use crate::sql::read::names::TableName;
use crate::sql::read::source::Sql;

/// One statement, ready to be planned.
#[derive(Debug)]
pub enum Statement {
    Read(Read),
    Insert(Insert),
    Change(Change),
    Define(Define),
    /// A definition that is not understood to its last token: nobody gets it.
    Unread(Unsupported),
    /// SHOW and DESCRIBE.
    Inspect(Inspect),
    /// EXPLAIN of a statement, which was read like any other.
    Explain(Box<(Sql, Statement)>),
    /// Understood by a server perhaps, not by us: only a lone shard may get it.
    Opaque(Opaque),
}

/// SELECT, UNION, WITH … SELECT, VALUES, TABLE.
#[derive(Debug)]
pub struct Read {
    pub scopes: Vec<Scope>,
    /// The parts of a lone SELECT whose parts' answers can be merged; else what stands in the way.
    pub shape: Result<Shape, Unsupported>,
    /// The SELECT list of a lone SELECT, for what depends on column types; `None` for set operations.
    pub list: Option<SelectList>,
}

/// INSERT, REPLACE, INSERT … ON DUPLICATE KEY UPDATE.
#[derive(Debug)]
pub struct Insert {
    pub table: TableName,
    /// Empty: all columns in table order.
    pub columns: Vec<String>,
    pub rows: InsertRows,
    /// What ON DUPLICATE KEY UPDATE assigns.
    pub updates: Vec<Update>,
    /// REPLACE or IGNORE: a duplicate is no error.
    pub keeps_duplicates: bool,
    pub ignores: bool,
    /// Tables read by subqueries and by INSERT … SELECT.
    pub scopes: Vec<Scope>,
}

#[derive(Debug)]
pub enum InsertRows {
    /// For each row its cells, in the order of `columns`.
    Values(Vec<Vec<InsertCell>>),
    Query,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InsertCell {
    Literal(KeyLiteral),
    Default,
}

/// An assignment of ON DUPLICATE KEY UPDATE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    pub column: String,
    /// It is `column = VALUES(column)`: what the row would have had.
    pub is_own_value: bool,
}

/// UPDATE or DELETE.
#[derive(Debug)]
pub struct Change {
    /// Scope 0 is the statement's own; the others are its subqueries.
    pub scopes: Vec<Scope>,
    pub assignments: Vec<Assignment>,
    /// The names of the tables that a DELETE from several deletes from.
    pub deleted: Vec<String>,
    pub has_limit: bool,
}

/// `column = expression` of an UPDATE.
#[derive(Debug)]
pub struct Assignment {
    pub column: ColumnRef,
    pub value: KeyLiteral,
    /// The expression, as SQL.
    pub text: String,
}

/// DDL that is the same on every shard.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Define {
    pub kind: DefineKind,
    /// Every table or view that it names, in the order of the text: what it is about comes first.
    pub tables: Vec<DefinedTable>,
    /// The columns that it defines: names, and types as written.
    pub columns: Vec<(String, String)>,
    /// CREATE TABLE … SELECT.
    pub reads_rows: bool,
    /// OR REPLACE.
    pub replaces: bool,
    /// The columns of unique indexes that it makes.
    pub unique_indexes: Vec<Vec<String>>,
    pub foreign_keys: Vec<ForeignKey>,
    /// The index that CREATE INDEX makes where none was, as written.
    pub created_index: Option<String>,
    /// Columns that ALTER TABLE drops, renames or redefines.
    pub altered_columns: Vec<String>,
    /// CONVERT TO CHARACTER SET.
    pub converts_text: bool,
}

impl Define {
    /// The tables that play one of these parts.
    pub fn tables_as<'a>(&'a self, roles: &'a [Role]) -> impl Iterator<Item = &'a TableName> {
        self.tables.iter().filter(|named| roles.contains(&named.role)).map(|named| &named.table)
    }
}

/// A table or view that a definition names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinedTable {
    pub table: TableName,
    pub role: Role,
}

/// What a definition does to a table that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Created,
    Changed,
    Dropped,
    /// It gets another name, that of the next `RenamedTo`.
    Renamed,
    RenamedTo,
    /// A foreign key leads to it.
    Referred,
    Like,
    /// Its rows change places with those of a partition.
    Exchanged,
    /// A query or an expression reads it.
    Read,
}

/// A foreign key that a definition makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    pub columns: Vec<String>,
    pub table: String,
    pub referred: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DefineKind {
    CreateTable,
    AlterTable,
    DropTable,
    CreateIndex,
    DropIndex,
    #[default]
    Other,
}

#[derive(Debug)]
pub struct Opaque {
    pub writes: bool,
    pub why: Unsupported,
}

/// One SELECT (or the body of an UPDATE or DELETE): its tables and the conditions that hold for every row that counts.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The scope whose columns this one may name, for a subquery.
    pub parent: Option<usize>,
    pub tables: Vec<TableUse>,
    /// Names of what stands in FROM beside tables, whose columns are not known: derived tables and CTEs.
    pub derived: Vec<String>,
    /// Names of CTEs that the scope reads. A table of the same name could be meant, or not.
    pub ctes: Vec<String>,
    /// USING or NATURAL: `*` shows the joined columns once, and first.
    pub joins_columns: bool,
    pub conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
pub struct TableUse {
    pub table: TableName,
    /// The name under which the scope's columns know it.
    pub alias: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnRef {
    pub qualifier: Option<String>,
    pub name: String,
}

/// A conjunct that restricts which rows can influence the answer.
#[derive(Clone, Debug)]
pub struct Condition {
    pub column: ColumnRef,
    pub operand: Operand,
    /// From the ON of a LEFT JOIN: it restricts only these tables of the scope (its right side).
    pub only: Option<Range<usize>>,
}

#[derive(Clone, Debug)]
pub enum Operand {
    /// `= literal` or `IN (literals)`.
    Literals(Vec<Literal>),
    Column(ColumnRef),
}

/// What a column is compared with.
#[derive(Clone, Debug)]
pub struct Literal {
    pub value: KeyLiteral,
    /// The byte of the statement's text at which it begins; `None` if more than one token makes it up.
    pub at: Option<usize>,
}

/// The SELECT list, item by item.
#[derive(Debug)]
pub struct SelectList {
    pub items: Vec<Item>,
    /// Between SELECT and the first item: hints and modifiers that do not change the rows.
    pub modifiers: String,
    /// Everything after the list, as written.
    pub rest: String,
}

#[derive(Debug)]
pub struct Item {
    /// The expression as written, without its alias.
    pub text: String,
    pub alias: Option<String>,
    pub kind: ItemKind,
}

#[derive(Debug)]
pub enum ItemKind {
    /// `*` or `t.*`.
    Wildcard {
        qualifier: Option<String>,
    },
    Column(ColumnRef),
    Aggregate(Aggregate),
    /// Any other expression without aggregates.
    Expression,
    /// An expression around aggregates.
    OverAggregates,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregate {
    pub function: AggregateFunction,
    /// The argument as written; `*` for COUNT(*).
    pub argument: String,
    /// The argument, if it is just a column.
    pub column: Option<ColumnRef>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AggregateFunction {
    Count,
    Sum,
    Min,
    Max,
    Avg,
}

/// The parts of a SELECT.
#[derive(Debug)]
pub struct Shape {
    pub from: String,
    pub where_: Option<String>,
    /// The byte of the text at which `where_` begins.
    pub where_at: usize,
    pub group_by: Vec<Key>,
    /// GROUP BY as written.
    pub group_text: String,
    pub order_by: Vec<(Key, Direction)>,
    /// ORDER BY as written.
    pub order_text: String,
    pub limit: Option<u64>,
    pub offset: u64,
    /// Whether the SELECT has aggregates or GROUP BY.
    pub grouped: bool,
    pub distinct: bool,
}

/// What GROUP BY or ORDER BY names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// An item of the list, by ordinal, alias or the same expression.
    Item(usize),
    Column(ColumnRef, String),
    Aggregate(Aggregate, String),
    Expression(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}
