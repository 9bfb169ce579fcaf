//! `CREATE INDEX` and `DROP INDEX`.

use super::fault::Read;
use super::keys::{index_type, part};
use super::opening::Opening;
use super::options::{self, ALTER_OPTIONS, INDEX_OPTIONS};
use super::reader::Reader;
use crate::sql::meaning::statement::{DefineKind, Role};

/// `[IF NOT EXISTS] name [USING type] ON table (parts) [WAIT n | NOWAIT] [option] …`
pub(super) fn created(reader: &mut Reader, opening: &Opening) -> Read<()> {
    reader.found.kind = DefineKind::CreateIndex;
    let may_be_there = reader.eat_existence() || opening.or_replace;
    let written = reader.sql.tokens.get(reader.at).map(|lexeme| reader.sql.slice(lexeme.range.clone()).to_owned());
    reader.name()?;
    // What was there before must not be dropped if a shard refuses.
    reader.found.created_index = written.filter(|_| !may_be_there);
    index_type(reader)?;
    reader.expect("ON")?;
    reader.named(Role::Changed)?;
    let columns = reader.in_parentheses(part)?;
    if opening.unique {
        reader.found.unique_indexes.push(columns);
    }
    reader.eat_wait()?;
    while options::one(reader, &INDEX_OPTIONS)? || options::one(reader, &ALTER_OPTIONS)? {}
    Ok(())
}

/// `[IF EXISTS] name ON table [WAIT n | NOWAIT] [ALGORITHM …] [LOCK …]`
pub(super) fn dropped(reader: &mut Reader) -> Read<()> {
    reader.found.kind = DefineKind::DropIndex;
    reader.eat_existence();
    // DROP INDEX `PRIMARY` ON t
    reader.name()?;
    reader.expect("ON")?;
    reader.named(Role::Changed)?;
    reader.eat_wait()?;
    options::each(reader, &ALTER_OPTIONS)
}
