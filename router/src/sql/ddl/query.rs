//! The query at the end of CREATE TABLE and CREATE VIEW.

use std::ops::{ControlFlow, Range};

use sqlparser::ast::{self, ObjectName};
use sqlparser::tokenizer::Token;

use super::fault::Read;
use super::reader::Reader;
use crate::sql::meaning::statement::{Define, DefinedTable, Role};
use crate::sql::read::error::Unsupported;
use crate::sql::read::names::TableName;
use crate::sql::read::source::Sql;
use crate::sql::read::tree::{parse, parser_tokens};

/// The tokens of a query.
pub(super) struct Query(Range<usize>);

impl Query {
    /// `[AS] query` up to the statement's end; `None` if the statement ends here.
    pub fn to_the_end(reader: &mut Reader) -> Read<Option<Query>> {
        Query::up_to(reader, reader.sql.tokens.len())
    }

    /// `[AS] query` up to a token.
    pub fn up_to(reader: &mut Reader, end: usize) -> Read<Option<Query>> {
        let is_announced = reader.eat("AS");
        if !is_announced && reader.at == end {
            return Ok(None);
        }
        let begins = reader.is_mark(&Token::LParen) || reader.is_one_of(&["SELECT", "WITH", "VALUES", "TABLE"]);
        if !begins || reader.at >= end {
            return Err(reader.unexpected());
        }
        let query = Query(reader.at..end);
        reader.at = end;
        Ok(Some(query))
    }
}

/// Adds the tables that a query reads; names of its WITH are among them.
pub(super) fn add_tables(sql: &Sql, query: Query, define: &mut Define) -> Result<(), Unsupported> {
    let (tokens, _) = parser_tokens(&sql.tokens[query.0], &(0..0));
    let tree = match parse(tokens) {
        Ok(ast::Statement::Query(tree)) => tree,
        Ok(_) => return Err(Unsupported::new("this query in a definition")),
        Err(message) => return Err(Unsupported::new(format!("this query in a definition ({message})"))),
    };
    let mut tables = Vec::new();
    let visited = ast::visit_relations(&tree, |name| match table_name(name) {
        Some(table) => {
            tables.push(DefinedTable { table, role: Role::Read });
            ControlFlow::Continue(())
        }
        None => ControlFlow::Break(name.to_string()),
    });
    match visited {
        ControlFlow::Break(name) => Err(Unsupported::new(format!("the name `{name}`"))),
        ControlFlow::Continue(()) => {
            define.tables.append(&mut tables);
            Ok(())
        }
    }
}

fn table_name(name: &ObjectName) -> Option<TableName> {
    let part = |part: &ast::ObjectNamePart| {
        let ident = part.as_ident()?;
        Some(if ident.quote_style.is_some() { ident.value.replace("``", "`") } else { ident.value.clone() })
    };
    match &name.0[..] {
        [table] => Some(TableName { schema: None, name: part(table)? }),
        [schema, table] => Some(TableName { schema: Some(part(schema)?), name: part(table)? }),
        _ => None,
    }
}
