//! `ALTER TABLE`: clauses that change the table itself.

use sqlparser::tokenizer::Token;

use super::fault::{ADMIN_HINT, Fault, Read};
use super::options::{self, ALTER_OPTIONS};
use super::reader::Reader;
use super::types::{character_set, eat_character_set};
use super::{columns, create, expression, keys, partitions};
use crate::sql::meaning::statement::{DefineKind, Role};

/// `[IF EXISTS] table [WAIT n | NOWAIT] clause [, clause] … [PARTITION BY … | REMOVE PARTITIONING]`
pub(super) fn table(reader: &mut Reader) -> Read<()> {
    reader.found.kind = DefineKind::AlterTable;
    reader.eat_existence();
    reader.named(Role::Changed)?;
    reader.eat_wait()?;
    while !reader.is_end() {
        clause(reader)?;
        // Options of the table need no comma, nor does what comes last.
        let goes_on = reader.eat_mark(&Token::Comma);
        if goes_on && reader.is_end() {
            return Err(reader.unexpected());
        }
    }
    Ok(())
}

fn clause(reader: &mut Reader) -> Read<()> {
    const FLAGS: [&[&str]; 7] = [
        &["FORCE"],
        &["ENABLE", "KEYS"],
        &["DISABLE", "KEYS"],
        &["REMOVE", "PARTITIONING"],
        &["UPGRADE", "PARTITIONING"],
        &["WITH", "VALIDATION"],
        &["WITHOUT", "VALIDATION"],
    ];
    if FLAGS.iter().any(|words| reader.eat_all(words)) || options::one(reader, &ALTER_OPTIONS)? {
        return Ok(());
    }
    if reader.eat("ADD") {
        return add(reader);
    }
    if reader.eat("DROP") {
        return drop(reader);
    }
    if reader.eat("MODIFY") {
        reader.eat("COLUMN");
        reader.eat_existence();
        return redefined(reader);
    }
    if reader.eat("CHANGE") {
        reader.eat("COLUMN");
        reader.eat_existence();
        altered_column(reader)?;
        return redefined(reader);
    }
    if reader.eat("ALTER") {
        return alter(reader);
    }
    if reader.eat("RENAME") {
        return rename(reader);
    }
    if reader.eat_all(&["CONVERT", "TO"]) {
        return convert(reader);
    }
    if reader.eat_all(&["ORDER", "BY"]) {
        return order(reader);
    }
    if reader.are(&["PARTITION", "BY"]) {
        return partitions::partitioning(reader);
    }
    if partition_clause(reader)? || create::table_option(reader)? {
        return Ok(());
    }
    Err(reader.unexpected())
}

/// `[table.]column [ASC | DESC] [, …]`: with a comma behind it, the next clause would be a column.
fn order(reader: &mut Reader) -> Read<()> {
    reader.list(|reader| {
        reader.table()?;
        reader.eat_one_of(&["ASC", "DESC"]);
        Ok(())
    })?;
    Ok(())
}

/// Keeps the column that a clause changes.
fn altered_column(reader: &mut Reader) -> Read<()> {
    let column = reader.name()?;
    reader.found.altered_columns.push(column);
    Ok(())
}

/// A definition in place of the column of that name.
fn redefined(reader: &mut Reader) -> Read<()> {
    columns::column(reader)?;
    let column = reader.found.columns.last().map(|(name, _)| name.clone());
    reader.found.altered_columns.extend(column);
    columns::position(reader)
}

fn add(reader: &mut Reader) -> Read<()> {
    if reader.eat_all(&["SYSTEM", "VERSIONING"]) {
        return Ok(());
    }
    if reader.eat("PARTITION") {
        reader.eat_existence();
        eat_binary_log(reader);
        return match reader.eat("PARTITIONS") {
            true => reader.number(),
            false => partitions::definitions(reader),
        };
    }
    if keys::key(reader)? {
        return Ok(());
    }
    reader.eat("COLUMN");
    reader.eat_existence();
    if reader.is_mark(&Token::LParen) {
        reader.in_parentheses(create::element)?;
        return Ok(());
    }
    columns::column(reader)?;
    columns::position(reader)
}

fn drop(reader: &mut Reader) -> Read<()> {
    if reader.eat_all(&["PRIMARY", "KEY"]) || reader.eat_all(&["SYSTEM", "VERSIONING"]) {
        return Ok(());
    }
    if reader.eat("PARTITION") {
        reader.eat_existence();
        reader.list(Reader::name)?;
        return Ok(());
    }
    if reader.are(&["PERIOD", "FOR"]) || reader.are(&["PERIOD", "IF"]) {
        reader.at += 1;
        reader.eat_existence();
        reader.expect("FOR")?;
        reader.name()?;
        return Ok(());
    }
    let not_a_column: [&[&str]; 5] = [&["INDEX"], &["KEY"], &["FOREIGN", "KEY"], &["CONSTRAINT"], &["CHECK"]];
    if not_a_column.iter().any(|words| reader.eat_all(words)) {
        reader.eat_existence();
        reader.name()?;
        return Ok(());
    }
    reader.eat("COLUMN");
    reader.eat_existence();
    altered_column(reader)?;
    reader.eat_one_of(&["RESTRICT", "CASCADE"]);
    Ok(())
}

/// `ALTER INDEX | CHECK | CONSTRAINT name …` or `ALTER [COLUMN] name …`
fn alter(reader: &mut Reader) -> Read<()> {
    if reader.eat("INDEX") || reader.eat("KEY") {
        reader.eat_existence();
        reader.name()?;
        return match reader.eat("NOT") {
            true => reader.expect("IGNORED"),
            false => reader.expect_one_of(&["IGNORED", "VISIBLE", "INVISIBLE"]),
        };
    }
    if reader.eat("CHECK") || reader.eat("CONSTRAINT") {
        reader.name()?;
        reader.eat("NOT");
        return reader.expect("ENFORCED");
    }
    reader.eat("COLUMN");
    reader.eat_existence();
    altered_column(reader)?;
    if reader.eat_all(&["DROP", "DEFAULT"]) {
        return Ok(());
    }
    reader.expect("SET")?;
    if reader.eat_one_of(&["VISIBLE", "INVISIBLE"]) {
        return Ok(());
    }
    reader.expect("DEFAULT")?;
    expression::value(reader)
}

fn rename(reader: &mut Reader) -> Read<()> {
    if reader.eat("COLUMN") {
        reader.eat_existence();
        altered_column(reader)?;
        reader.expect("TO")?;
        reader.name()?;
        return Ok(());
    }
    if reader.eat("INDEX") || reader.eat("KEY") {
        reader.eat_existence();
        reader.name()?;
        reader.expect("TO")?;
        reader.name()?;
        return Ok(());
    }
    let _ = reader.eat_one_of(&["TO", "AS"]) || reader.eat_mark(&Token::Eq);
    reader.named(Role::RenamedTo)?;
    reader.found.tables[0].role = Role::Renamed;
    Ok(())
}

/// `CHARACTER SET name [COLLATE name]`, which rewrites all text columns.
fn convert(reader: &mut Reader) -> Read<()> {
    if !eat_character_set(reader) {
        return Err(reader.unexpected());
    }
    reader.found.converts_text = true;
    character_set(reader)?;
    if reader.eat("COLLATE") {
        reader.eat_mark(&Token::Eq);
        character_set(reader)?;
    }
    Ok(())
}

/// `NO_WRITE_TO_BINLOG`, also as `LOCAL`.
fn eat_binary_log(reader: &mut Reader) {
    reader.eat_one_of(&["NO_WRITE_TO_BINLOG", "LOCAL"]);
}

/// A clause about partitions, if one stands here.
fn partition_clause(reader: &mut Reader) -> Read<bool> {
    const ON_ALL: [&str; 6] = ["ANALYZE", "CHECK", "OPTIMIZE", "REBUILD", "REPAIR", "TRUNCATE"];
    const ON_FILES: [&str; 4] = ["DISCARD", "IMPORT", "SECONDARY_LOAD", "SECONDARY_UNLOAD"];
    if let Some(verb) = ON_FILES.iter().find(|verb| reader.is(verb)) {
        let what = if verb.starts_with("SECONDARY") { "" } else { " TABLESPACE" };
        return Err(Fault::not_allowed(format!("{verb}{what}"), ADMIN_HINT));
    }
    if ON_ALL.iter().any(|verb| reader.eat_all(&[verb, "PARTITION"])) {
        eat_binary_log(reader);
        if !reader.eat("ALL") {
            reader.list(Reader::name)?;
        }
        while reader.eat_one_of(&["FAST", "MEDIUM", "QUICK", "EXTENDED", "CHANGED", "USE_FRM", "STORAGE"]) {}
    } else if reader.eat_all(&["COALESCE", "PARTITION"]) {
        eat_binary_log(reader);
        reader.number()?;
    } else if reader.eat_all(&["REORGANIZE", "PARTITION"]) {
        eat_binary_log(reader);
        if !reader.is_end() {
            reader.list(Reader::name)?;
            reader.expect("INTO")?;
            partitions::definitions(reader)?;
        }
    } else if reader.eat_all(&["EXCHANGE", "PARTITION"]) {
        reader.name()?;
        reader.expect("WITH")?;
        reader.expect("TABLE")?;
        reader.named(Role::Exchanged)?;
    } else {
        return Ok(false);
    }
    Ok(true)
}
