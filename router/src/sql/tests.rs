mod clauses;
mod gate;
mod head;
mod lexical;
mod params;
mod precedence;
mod robust;

use sqlparser::ast::Statement;

use super::meaning::analyse::analyse;
use super::meaning::statement;
use super::read::bind::Param;
use super::read::error::SqlError;
use super::read::head::Head;
use super::read::literal::decode_string;
use super::read::scan::is_comments_only;
use super::read::source::Sql;
use super::read::{bind, comments, lex, names, read};
use super::text::clauses::select_clauses;
use super::text::{freeze, pieces, relations};

fn sql(text: &str) -> Sql {
    read(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str) -> SqlError {
    match read(text, &[]) {
        Ok(sql) => panic!("{text} was read as {:?}", sql.tokens),
        Err(error) => error,
    }
}
