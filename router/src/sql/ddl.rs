//! DDL, read to its last token: what is not written here cannot be sent.
//!
//! The grammar of both servers for tables, indexes and views, as one reader of tokens: each file of the folder has one
//! part of it, in the words of the manuals. Whatever stands where the grammar has no place for it is refused by its
//! name: as [`Fault::NotAllowed`] if it reaches files, other servers, accounts or code that runs later, else as
//! [`Fault::Unsupported`]. All names of tables come out, with the part that each one plays.
//!
//! Expressions are the exception: they are ranges between parentheses, without a query inside.

mod alter;
mod columns;
mod create;
mod drop;
mod expression;
mod fault;
mod index;
mod keys;
mod opening;
mod options;
mod partitions;
mod query;
mod reader;
mod types;
mod view;

use sqlparser::tokenizer::Token;

use self::fault::{ADMIN_HINT, Fault, Read};
pub(super) use self::opening::object_kind;
use self::opening::{Opening, opening};
use self::reader::Reader;
use crate::sql::meaning::statement::Define;
use crate::sql::read::error::SqlError;
use crate::sql::read::error::Unsupported;
use crate::sql::read::source::Sql;

/// Refuses definitions that no client may send.
pub(super) fn check(sql: &Sql) -> Result<(), SqlError> {
    match read(sql) {
        Err(Fault::NotAllowed { construct, hint }) => Err(SqlError::NotAllowed { construct, hint: hint.to_owned() }),
        Ok(_) | Err(Fault::Unsupported(_)) => Ok(()),
    }
}

/// What a definition does to which tables.
pub(super) fn define(sql: &Sql) -> Result<Define, Unsupported> {
    let (mut define, query) = read(sql).map_err(|fault| match fault {
        Fault::Unsupported(why) => why,
        // `check` came first.
        Fault::NotAllowed { construct, hint } => Unsupported::with_hint(construct, hint),
    })?;
    if let Some(query) = query {
        query::add_tables(sql, query, &mut define)?;
    }
    Ok(define)
}

/// The definition, and the tokens of the query at its end.
fn read(sql: &Sql) -> Read<(Define, Option<query::Query>)> {
    if sql.is_token(0, &Token::LParen) {
        return Err(Fault::unsupported("a definition in parentheses", "leave them out"));
    }
    let opening = opening(sql, 0);
    let mut reader = Reader::new(sql, opening.at, opening.name());
    let query = statement(&mut reader, &opening)?;
    reader.expect_end()?;
    Ok((reader.found, query))
}

fn statement(reader: &mut Reader, opening: &Opening) -> Read<Option<query::Query>> {
    match (opening.verb.as_str(), opening.kind.as_deref()) {
        _ if opening.temporary => Err(Fault::unsupported("TEMPORARY", "use an ordinary table")),
        (_, Some("TABLE" | "INDEX" | "VIEW")) if opening.other_definer => {
            Err(Fault::not_allowed("DEFINER of another account", "leave DEFINER out"))
        }
        ("CREATE", Some("TABLE")) => create::table(reader, opening),
        ("ALTER", Some("TABLE")) => alter::table(reader).map(|()| None),
        ("DROP", Some("TABLE" | "TABLES" | "VIEW")) => drop::tables(reader, opening).map(|()| None),
        ("RENAME", Some("TABLE" | "TABLES")) => drop::renamed(reader).map(|()| None),
        ("TRUNCATE", _) => drop::truncated(reader).map(|()| None),
        ("CREATE", Some("INDEX")) => index::created(reader, opening).map(|()| None),
        ("DROP", Some("INDEX")) => index::dropped(reader).map(|()| None),
        ("CREATE" | "ALTER", Some("VIEW")) => view::view(reader, opening),
        (_, Some("SEQUENCE")) => Err(Fault::unsupported(opening.name(), "use AUTO_INCREMENT")),
        // Their bodies run later, where nobody looks at them.
        (_, Some("FUNCTION" | "PROCEDURE" | "TRIGGER" | "EVENT" | "PACKAGE" | "LIBRARY" | "PREPARE")) => {
            Err(Fault::not_allowed(opening.name(), "stored code would run unseen by the router"))
        }
        (_, Some(_)) => Err(Fault::not_allowed(opening.name(), ADMIN_HINT)),
        (_, None) => Err(Fault::not_allowed(opening.name(), "only tables, indexes and views can be defined here")),
    }
}

#[cfg(test)]
mod tests;
