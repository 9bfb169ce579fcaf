//! `name type [attribute] …`

use sqlparser::tokenizer::Token;

use super::expression;
use super::fault::{Fault, Read};
use super::keys;
use super::options::{self, REFUSED_COLUMN_OPTIONS};
use super::reader::Reader;
use super::types::{character_set, column_type, eat_character_set};

/// A column's definition; its name and type are kept, and the indexes and foreign keys that it makes.
pub(super) fn column(reader: &mut Reader) -> Read<()> {
    let name = reader.name()?;
    let is_serial = reader.is("SERIAL");
    let type_name = column_type(reader)?;
    if is_serial {
        reader.found.unique_indexes.push(vec![name.clone()]);
    }
    while attribute(reader, &name)? {}
    reader.found.columns.push((name, type_name));
    Ok(())
}

/// `FIRST` or `AFTER column`, as ALTER TABLE has it.
pub(super) fn position(reader: &mut Reader) -> Read<()> {
    if !reader.eat("FIRST") && reader.eat("AFTER") {
        reader.name()?;
    }
    Ok(())
}

/// One attribute of a column, if one stands here.
fn attribute(reader: &mut Reader, column: &str) -> Read<bool> {
    const FLAGS: [&[&str]; 12] = [
        &["NOT", "NULL"],
        &["NULL"],
        &["NOT", "SECONDARY"],
        &["AUTO_INCREMENT"],
        &["VISIBLE"],
        &["INVISIBLE"],
        &["WITH", "SYSTEM", "VERSIONING"],
        &["WITHOUT", "SYSTEM", "VERSIONING"],
        &["GENERATED", "ALWAYS", "AS", "ROW", "START"],
        &["GENERATED", "ALWAYS", "AS", "ROW", "END"],
        &["AS", "ROW", "START"],
        &["AS", "ROW", "END"],
    ];
    options::refuse(reader, &REFUSED_COLUMN_OPTIONS)?;
    if FLAGS.iter().any(|words| reader.eat_all(words)) {
        return Ok(true);
    }
    if reader.eat("DEFAULT") {
        expression::value(reader)?;
    } else if reader.eat_all(&["SERIAL", "DEFAULT", "VALUE"]) {
        reader.found.unique_indexes.push(vec![column.to_owned()]);
    } else if reader.eat_all(&["ON", "UPDATE"]) {
        expression::value(reader)?;
    } else if reader.eat("UNIQUE") || reader.eat_all(&["PRIMARY", "KEY"]) || reader.eat("KEY") {
        reader.eat("KEY");
        reader.found.unique_indexes.push(vec![column.to_owned()]);
    } else if reader.eat("COMMENT") {
        reader.text()?;
    } else if reader.eat("COLLATE") || eat_character_set(reader) {
        character_set(reader)?;
    } else if reader.eat_all(&["GENERATED", "ALWAYS", "AS"]) || reader.eat("AS") {
        expression::parenthesised(reader)?;
        reader.eat_one_of(&["VIRTUAL", "PERSISTENT", "STORED"]);
    } else if reader.is("CONSTRAINT") || reader.is("CHECK") {
        constraint(reader)?;
    } else if reader.is("REFERENCES") {
        keys::references(reader, vec![column.to_owned()])?;
    } else if reader.eat("COMPRESSED") {
        if reader.eat_mark(&Token::Eq) {
            reader.name()?;
        }
    } else if reader.eat("SRID") || reader.eat("REF_SYSTEM_ID") {
        reader.eat_mark(&Token::Eq);
        reader.number()?;
    } else if reader.eat("STORAGE") {
        reader.expect_one_of(&["DISK", "MEMORY", "DEFAULT"])?;
    } else if reader.eat("COLUMN_FORMAT") {
        reader.expect_one_of(&["FIXED", "DYNAMIC", "DEFAULT"])?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// `[CONSTRAINT [name]] CHECK (…)` or `… REFERENCES` behind a column; the reference comes as the next attribute.
fn constraint(reader: &mut Reader) -> Read<()> {
    if reader.eat("CONSTRAINT") && reader.is_name() {
        reader.name()?;
    }
    match () {
        () if reader.is("CHECK") => keys::check(reader),
        () if reader.is_one_of(&["REFERENCES", "UNIQUE", "PRIMARY", "NOT", "NULL"]) => Ok(()),
        () => Err::<(), Fault>(reader.unexpected()),
    }
}
