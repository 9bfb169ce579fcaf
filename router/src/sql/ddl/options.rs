//! Options of tables, partitions and indexes: those that may be given, with what kind of value.

use sqlparser::tokenizer::Token;

use super::fault::{ADMIN_HINT, Fault, Read};
use super::reader::Reader;
use super::types::character_set;
use crate::sql::read::literal::decode_string;

/// What stands behind an option's name, with or without `=`.
#[derive(Clone, Copy)]
pub(super) enum Value {
    Nothing,
    Number,
    /// Also with K, M or G behind it.
    Size,
    Text,
    Name,
    CharacterSet,
    OneOf(&'static [&'static str]),
    Engine,
    /// A number, a text or a word, as an engine likes it.
    Any,
}

pub(super) struct Allowed(&'static [&'static str], Value);

/// An option's words, and why it is refused.
pub(super) struct Refused(&'static [&'static str], &'static str);

const NUMBER_OR_DEFAULT: Value = Value::Any;
const FOLDER_HINT: &str = "tables lie in the shard's own folder";
const ELSEWHERE_HINT: &str = "rows lie in the shard's own tables only";

/// Engines whose rows lie in the shard itself.
const ENGINES: [&str; 10] =
    ["InnoDB", "MyISAM", "Aria", "Maria", "MEMORY", "HEAP", "ARCHIVE", "CSV", "BLACKHOLE", "RocksDB"];

pub(super) const TABLE_OPTIONS: [Allowed; 39] = [
    Allowed(&["ENGINE"], Value::Engine),
    Allowed(&["AUTO_INCREMENT"], Value::Number),
    Allowed(&["AVG_ROW_LENGTH"], Value::Number),
    Allowed(&["AUTOEXTEND_SIZE"], Value::Size),
    Allowed(&["DEFAULT", "CHARACTER", "SET"], Value::CharacterSet),
    Allowed(&["DEFAULT", "CHAR", "SET"], Value::CharacterSet),
    Allowed(&["DEFAULT", "CHARSET"], Value::CharacterSet),
    Allowed(&["DEFAULT", "COLLATE"], Value::CharacterSet),
    Allowed(&["CHARACTER", "SET"], Value::CharacterSet),
    Allowed(&["CHAR", "SET"], Value::CharacterSet),
    Allowed(&["CHARSET"], Value::CharacterSet),
    Allowed(&["COLLATE"], Value::CharacterSet),
    Allowed(&["CHECKSUM"], Value::Number),
    Allowed(&["TABLE_CHECKSUM"], Value::Number),
    Allowed(&["PAGE_CHECKSUM"], Value::Number),
    Allowed(&["COMMENT"], Value::Text),
    Allowed(&["COMPRESSION"], Value::Text),
    Allowed(&["DELAY_KEY_WRITE"], Value::Number),
    Allowed(&["ENCRYPTION"], Value::Text),
    Allowed(&["ENCRYPTED"], Value::Any),
    Allowed(&["INSERT_METHOD"], Value::OneOf(&["NO", "FIRST", "LAST"])),
    Allowed(&["KEY_BLOCK_SIZE"], Value::Number),
    Allowed(&["MAX_ROWS"], Value::Number),
    Allowed(&["MIN_ROWS"], Value::Number),
    Allowed(&["NODEGROUP"], Value::Number),
    Allowed(&["PACK_KEYS"], NUMBER_OR_DEFAULT),
    Allowed(&["ROW_FORMAT"], Value::OneOf(&ROW_FORMATS)),
    Allowed(&["STATS_AUTO_RECALC"], NUMBER_OR_DEFAULT),
    Allowed(&["STATS_PERSISTENT"], NUMBER_OR_DEFAULT),
    Allowed(&["STATS_SAMPLE_PAGES"], NUMBER_OR_DEFAULT),
    Allowed(&["TRANSACTIONAL"], NUMBER_OR_DEFAULT),
    Allowed(&["PAGE_COMPRESSED"], Value::Any),
    Allowed(&["PAGE_COMPRESSION_LEVEL"], Value::Any),
    Allowed(&["IETF_QUOTES"], Value::Any),
    Allowed(&["WITH", "SYSTEM", "VERSIONING"], Value::Nothing),
    // MariaDB shows options of engines in quotes.
    Allowed(&["`ENCRYPTED`"], Value::Any),
    Allowed(&["`PAGE_COMPRESSED`"], Value::Any),
    Allowed(&["`PAGE_COMPRESSION_LEVEL`"], Value::Any),
    Allowed(&["`IETF_QUOTES`"], Value::Any),
];

const ROW_FORMATS: [&str; 7] = ["DEFAULT", "DYNAMIC", "FIXED", "COMPRESSED", "REDUNDANT", "COMPACT", "PAGE"];

pub(super) const REFUSED_TABLE_OPTIONS: [Refused; 11] = [
    Refused(&["DATA", "DIRECTORY"], FOLDER_HINT),
    Refused(&["INDEX", "DIRECTORY"], FOLDER_HINT),
    Refused(&["TABLESPACE"], FOLDER_HINT),
    Refused(&["CONNECTION"], ELSEWHERE_HINT),
    Refused(&["UNION"], ELSEWHERE_HINT),
    Refused(&["SECONDARY_ENGINE"], ELSEWHERE_HINT),
    Refused(&["SECONDARY_ENGINE_ATTRIBUTE"], ELSEWHERE_HINT),
    Refused(&["ENGINE_ATTRIBUTE"], ADMIN_HINT),
    Refused(&["ENCRYPTION_KEY_ID"], "the servers choose their keys themselves"),
    Refused(&["`ENCRYPTION_KEY_ID`"], "the servers choose their keys themselves"),
    Refused(&["START", "TRANSACTION"], "each definition is done when it is answered"),
];

pub(super) const REFUSED_COLUMN_OPTIONS: [Refused; 2] =
    [Refused(&["ENGINE_ATTRIBUTE"], ADMIN_HINT), Refused(&["SECONDARY_ENGINE_ATTRIBUTE"], ELSEWHERE_HINT)];

pub(super) const PARTITION_OPTIONS: [Allowed; 9] = [
    Allowed(&["ENGINE"], Value::Engine),
    Allowed(&["STORAGE", "ENGINE"], Value::Engine),
    Allowed(&["COMMENT"], Value::Text),
    Allowed(&["MAX_ROWS"], Value::Number),
    Allowed(&["MIN_ROWS"], Value::Number),
    Allowed(&["NODEGROUP"], Value::Number),
    Allowed(&["ENCRYPTED"], Value::Any),
    Allowed(&["PAGE_COMPRESSED"], Value::Any),
    Allowed(&["PAGE_COMPRESSION_LEVEL"], Value::Any),
];

pub(super) const INDEX_OPTIONS: [Allowed; 13] = [
    Allowed(&["KEY_BLOCK_SIZE"], Value::Number),
    Allowed(&["USING"], Value::OneOf(&["BTREE", "HASH", "RTREE"])),
    Allowed(&["TYPE"], Value::OneOf(&["BTREE", "HASH", "RTREE"])),
    // A parser is a plugin, which only an administrator can install.
    Allowed(&["WITH", "PARSER"], Value::Name),
    Allowed(&["COMMENT"], Value::Text),
    Allowed(&["VISIBLE"], Value::Nothing),
    Allowed(&["INVISIBLE"], Value::Nothing),
    Allowed(&["NOT", "IGNORED"], Value::Nothing),
    Allowed(&["IGNORED"], Value::Nothing),
    Allowed(&["CLUSTERING"], Value::Any),
    Allowed(&["M"], Value::Any),
    Allowed(&["DISTANCE"], Value::Any),
    Allowed(&["GLOBAL"], Value::Nothing),
];

/// `ALGORITHM` and `LOCK` of ALTER TABLE and of indexes.
pub(super) const ALTER_OPTIONS: [Allowed; 2] = [
    Allowed(&["ALGORITHM"], Value::OneOf(&["DEFAULT", "INSTANT", "INPLACE", "COPY", "NOCOPY"])),
    Allowed(&["LOCK"], Value::OneOf(&["DEFAULT", "NONE", "SHARED", "EXCLUSIVE"])),
];

/// Options as long as there are some.
pub(super) fn each(reader: &mut Reader, allowed: &[Allowed]) -> Read<()> {
    while one(reader, allowed)? {}
    Ok(())
}

/// An option, if one of these stands here.
pub(super) fn one(reader: &mut Reader, allowed: &[Allowed]) -> Read<bool> {
    let Some(Allowed(words, kind)) = allowed.iter().find(|Allowed(words, _)| are(reader, words)) else {
        return Ok(false);
    };
    reader.at += words.len();
    value(reader, *kind)?;
    Ok(true)
}

/// Refuses an option of these, if one stands here.
pub(super) fn refuse(reader: &Reader, refused: &[Refused]) -> Read<()> {
    match refused.iter().find(|Refused(words, _)| are(reader, words)) {
        Some(Refused(words, hint)) => Err(Fault::not_allowed(words.join(" ").replace('`', ""), hint)),
        None => Ok(()),
    }
}

/// Whether these words stand here; a word in backticks is a quoted one.
fn are(reader: &Reader, words: &[&str]) -> bool {
    match (words, reader.token()) {
        ([quoted], Some(Token::Word(word))) if quoted.starts_with('`') => {
            word.quote_style.is_some() && word.value.eq_ignore_ascii_case(quoted.trim_matches('`'))
        }
        _ => reader.are(words),
    }
}

fn value(reader: &mut Reader, kind: Value) -> Read<()> {
    if !matches!(kind, Value::Nothing) {
        reader.eat_mark(&Token::Eq);
    }
    match kind {
        Value::Nothing => Ok(()),
        Value::Number => reader.number(),
        Value::Size => size(reader),
        Value::Text => reader.text(),
        Value::Name => reader.name().map(|_| ()),
        Value::CharacterSet => character_set(reader),
        Value::OneOf(words) => reader.expect_one_of(words),
        Value::Engine => engine(reader),
        Value::Any => match reader.token() {
            Some(Token::Number(..) | Token::SingleQuotedString(_) | Token::DoubleQuotedString(_)) => {
                reader.at += 1;
                Ok(())
            }
            _ if reader.eat_one_of(&["DEFAULT", "ON"]) => Ok(()),
            _ => reader.name().map(|_| ()),
        },
    }
}

/// A number with K, M or G behind it, which is a word.
fn size(reader: &mut Reader) -> Read<()> {
    let is_size = |value: &str| {
        let digits = value.strip_suffix(['K', 'M', 'G', 'k', 'm', 'g']).unwrap_or(value);
        !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
    };
    match reader.word() {
        Some(word) if is_size(&word.value) => {
            reader.at += 1;
            Ok(())
        }
        _ => reader.number(),
    }
}

/// An engine's name, as a name or as a text, in any spelling that the servers take for it.
fn engine(reader: &mut Reader) -> Read<()> {
    let engine = match reader.token() {
        Some(text @ (Token::SingleQuotedString(_) | Token::DoubleQuotedString(_))) => {
            reader.at += 1;
            decode_string(text).unwrap_or_default()
        }
        _ => reader.name()?,
    };
    if ENGINES.iter().any(|known| known.eq_ignore_ascii_case(&engine)) {
        return Ok(());
    }
    Err(Fault::not_allowed(format!("ENGINE {engine}"), "its rows may lie outside of the shard: use InnoDB"))
}
