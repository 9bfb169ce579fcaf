//! Ways to write one and the same thing: names of tables, names of schemas, and code.

/// A name as its schema and its own part, spelled.
pub type NameSpelling = (&'static str, fn(&str, &str) -> String);
/// A piece of code, or a schema's name, spelled.
pub type CodeSpelling = (&'static str, fn(&str) -> String);

/// The usual ways around a check of names, tried with every template.
pub const NAMES: &[NameSpelling] = &[
    ("plain", |s, t| format!("{s}.{t}")),
    ("quoted", |s, t| format!("`{s}`.`{t}`")),
    ("quoted schema", |s, t| format!("`{s}`.{t}")),
    ("blanks around the period", |s, t| format!("{s} . {t}")),
    ("line break and tab", |s, t| format!("{s}\n.\t{t}")),
    ("vertical tab", |s, t| format!("{s}\u{b}.{t}")),
    ("comment before the period", |s, t| format!("{s}/**/.{t}")),
    ("comment behind the period", |s, t| format!("{s}./* x */{t}")),
    ("digits glued to the schema", |s, t| format!("/*!50000{s}.*/{t}")),
    ("digits apart from the schema", |s, t| format!("/*!50000 {s}.*/{t}")),
    ("schema without digits", |s, t| format!("/*!{s}.*/{t}")),
    ("schema only", |s, t| format!("/*!50000{s}*/.{t}")),
    ("whole name", |s, t| format!("/*!50000{s}.{t}*/")),
    ("period in a comment", |s, t| format!("{s}/*!50000.*/{t}")),
    ("period in a bare comment", |s, t| format!("{s}/*!.*/{t}")),
    ("period and table", |s, t| format!("{s}/*!50000.{t}*/")),
    ("table only", |s, t| format!("{s}./*!50000{t}*/")),
    ("six digits", |s, t| format!("/*!100100{s}.*/{t}")),
    ("six digits and a blank", |s, t| format!("/*!050000 {s}.*/{t}")),
    ("MariaDB's own", |s, t| format!("/*M!{s}.*/{t}")),
    ("MariaDB's own with digits", |s, t| format!("/*M!100100{s}.*/{t}")),
    ("flag set twice", |s, t| format!("/*!/*!50000{s}.*/{t}")),
    ("skipped comment between", |s, t| format!("{s}/*!99999 x*/.{t}")),
    ("each in its own", |s, t| format!("/*!50000{s}*//*!50000.*//*!50000{t}*/")),
    ("quoted in a comment", |s, t| format!("/*!50000`{s}`.*/`{t}`")),
];

/// Rarer ones, some of them tried with each template.
pub const RARE_NAMES: &[NameSpelling] = &[
    ("quoted table", |s, t| format!("{s}.`{t}`")),
    ("upper case", |s, t| format!("{}.{t}", s.to_uppercase())),
    ("mixed case", |s, t| format!("{}.{t}", alternating(s))),
    ("quoted mixed case", |s, t| format!("`{}`.`{t}`", alternating(s))),
    ("blank before the period", |s, t| format!("{s} .{t}")),
    ("blank behind the period", |s, t| format!("{s}. {t}")),
    ("form feed", |s, t| format!("{s}.\u{c}{t}")),
    ("carriage return", |s, t| format!("{s}\r.{t}")),
    ("empty executable comment before", |s, t| format!("{s}/*!*/.{t}")),
    ("empty executable comment behind", |s, t| format!("{s}./*!*/{t}")),
    ("zero digits", |s, t| format!("/*!00000{s}.*/{t}")),
    ("MySQL's version", |s, t| format!("/*!80000{s}.*/{t}")),
    ("MySQL's six digits", |s, t| format!("/*!080000 {s}.*/{t}")),
    ("last version that both run", |s, t| format!("/*!50699{s}.*/{t}")),
    ("a version that neither runs", |s, t| format!("/*!99999{s}.*/{t}")),
    ("skipped name before", |s, t| format!("/*!99999 users,*/ {s}.{t}")),
    ("skipped period", |s, t| format!("{s}/*!99999.x*/.{t}")),
    ("skipped and nested", |s, t| format!("{s} /*!99999 /*! */ */ . {t}")),
    ("skipped quote", |s, t| format!("/*!99999 ' */{s}./*!99999 ' */{t}")),
    ("skipped backtick", |s, t| format!("/*!99999 ` */{s}./*!99999 ` */{t}")),
    ("plain comment with a quote", |s, t| format!("/* ' */{s}./* ' */{t}")),
    ("line comment", |s, t| format!("{s}-- x\n.{t}")),
    ("line comment with a control character", |s, t| format!("{s}--\u{1}x\n.{t}")),
    ("hash comment", |s, t| format!("{s}#'\n.{t}")),
    ("hash comment behind", |s, t| format!("{s}.#`\n{t}")),
    ("line comment within", |s, t| format!("/*! -- */\n{s}.*/{t}")),
    ("hash comment within", |s, t| format!("{s}/*! # */\n.*/{t}")),
    ("plain comment within", |s, t| format!("/*!50000/* x */{s}.*/{t}")),
    ("hint within", |s, t| format!("/*!50000/*+ x */{s}.*/{t}")),
    ("skipped within", |s, t| format!("/*!50000{s}/*!99999 x */.*/{t}")),
    ("comment that runs on", |s, t| format!("/*!50000{s}.{t}*/ /*!50000AS gate*/")),
    ("parentheses", |s, t| format!("({s}.{t})")),
    ("two parentheses", |s, t| format!("(({s}.{t}))")),
    ("braces", |s, t| format!("{{oj {s}.{t} LEFT JOIN (SELECT 1 AS j) j ON 1}}")),
    ("braces in a comment", |s, t| format!("{{oj /*!50000{s}.*/{t} LEFT JOIN (SELECT 1 AS j) j ON 1}}")),
    ("list", |s, t| format!("users, {s}.{t}")),
    ("list in a comment", |s, t| format!("users/*!50000,{s}.{t}*/")),
    ("joined", |s, t| format!("users JOIN {s}.{t}")),
    ("joined in a comment", |s, t| format!("users /*!50000JOIN {s}.*/{t}")),
    ("alias", |s, t| format!("{s}.{t} AS users")),
    ("alias named like the schema", |s, t| format!("{s}.{t} AS {s}")),
    ("index hint", |s, t| format!("{s}.{t} USE INDEX ()")),
    ("catalog", |s, t| format!("def.{s}.{t}")),
    ("leading period", |s, t| format!(".{s}.{t}")),
    ("double quotes", |s, t| format!("\"{s}\".\"{t}\"")),
    ("single quotes", |s, t| format!("'{s}'.'{t}'")),
    ("national string", |s, t| format!("N'{s}'.{t}")),
    ("introducer", |s, t| format!("_utf8mb4'{s}'.{t}")),
    ("introducer and backtick", |s, t| format!("_utf8mb4`{s}`.{t}")),
    ("one quoted name", |s, t| format!("`{s}.{t}`")),
    ("doubled backtick", |s, t| format!("`{s}```.`{t}`")),
    ("blank in the quotes", |s, t| format!("`{s} `.{t}")),
    ("no-break space", |s, t| format!("{s}\u{a0}.{t}")),
    ("no-break space as the blank", |s, t| format!("\u{a0}{s}.{t}")),
    ("zero width space", |s, t| format!("{s}\u{200b}.{t}")),
    ("byte order mark", |s, t| format!("\u{feff}{s}.{t}")),
    ("full width", |s, t| format!("{}.{t}", full_width(s))),
    ("long s", |s, t| format!("{}.{t}", s.replace('s', "ſ"))),
    ("dotted capital I", |s, t| format!("{}.{t}", s.replace('i', "İ"))),
    ("NUL", |s, t| format!("{s}\0.{t}")),
    ("long comment", |s, t| format!("{s}/*{}*/.{t}", "x".repeat(9000))),
    ("many comments", |s, t| format!("{s}{}.{t}", "/*!*/".repeat(300))),
    ("closer that is none", |s, t| format!("/*!50000{s}.*/{t} /* */")),
    ("unterminated", |s, t| format!("/*!50000{s}.{t}")),
    ("unterminated and closed by the next", |s, t| format!("/*!50000{s}./*!50000{t}*/")),
];

/// Ways to write a piece of code.
pub const CODE: &[CodeSpelling] = &[
    ("digits glued", |code| format!("/*!50000{code}*/")),
    ("digits apart", |code| format!("/*!50000 {code} */")),
    ("no digits", |code| format!("/*!{code}*/")),
    ("six digits glued", |code| format!("/*!100100{code}*/")),
    ("six digits apart", |code| format!("/*!050000 {code} */")),
    ("MariaDB's own", |code| format!("/*M!{code}*/")),
    ("MariaDB's own with digits", |code| format!("/*M!100100{code}*/")),
    ("flag set twice", |code| format!("/*!/*!50000{code}*/")),
    ("each word in its own", |code| words(code, |word| format!("/*!50000{word}*/"))),
    ("first word alone", |code| first_word(code, |word| format!("/*!50000{word}*/"))),
    ("last words alone", |code| last_words(code, |words| format!("/*!50000{words}*/"))),
    ("comments between words", |code| code.replace(' ', "/**/")),
    ("skipped comments between words", |code| code.replace(' ', "/*!99999 x */")),
    ("lower case", |code| turned(code, |_| true)),
];

pub const RARE_CODE: &[CodeSpelling] = &[
    ("mixed case", |code| turned(code, |at| at % 2 == 0)),
    ("zero digits", |code| format!("/*!00000{code}*/")),
    ("dump's digits", |code| format!("/*!40101 {code} */")),
    ("MySQL's digits", |code| format!("/*!80000{code}*/")),
    ("MySQL's six digits", |code| format!("/*!080000 {code}*/")),
    ("last version that both run", |code| format!("/*!50699{code}*/")),
    ("a version that neither runs", |code| format!("/*!99999{code}*/")),
    ("line break", |code| format!("/*!50000\n{code}\n*/")),
    ("line comment within", |code| format!("/*! -- */\n{code}*/")),
    ("hash comment within", |code| format!("/*! # ' */\n{code}*/")),
    ("plain comment within", |code| format!("/*!50000/* x */{code}/* y */*/")),
    ("skipped before", |code| format!("/*!99999 x */{code}")),
    ("skipped and nested before", |code| format!("/*!99999 /*! ' */ */{code}")),
    ("empty before", |code| format!("/*!*/{code}/*!*/")),
    ("line breaks and tabs", |code| code.replace(' ', "\n\t")),
    ("vertical tabs", |code| format!("\u{b}{}\u{c}", code.replace(' ', "\u{b}"))),
    ("line comments", |code| format!("-- x\n{}", code.replace(' ', "-- '\n"))),
    ("hash comments", |code| format!("#'\n{}", code.replace(' ', "#`\n"))),
    ("unterminated", |code| format!("/*!50000{code}")),
    ("a plain comment", |code| format!("/*{code}*/")),
    ("empty ones between words", |code| code.replace(' ', "/*!*/")),
    ("digits between words", |code| code.replace(' ', "/*!50000*/")),
];

/// Ways to write a schema's name where it stands alone.
pub const SCHEMAS: &[CodeSpelling] = &[
    ("plain", str::to_owned),
    ("quoted", |name| format!("`{name}`")),
    ("digits glued", |name| format!("/*!50000{name}*/")),
    ("digits apart", |name| format!("/*!50000 {name} */")),
    ("no digits", |name| format!("/*!{name}*/")),
    ("six digits glued", |name| format!("/*!100100{name}*/")),
    ("MariaDB's own", |name| format!("/*M!{name}*/")),
    ("flag set twice", |name| format!("/*!/*!50000{name}*/")),
    ("quoted in a comment", |name| format!("/*!50000`{name}`*/")),
    ("upper case", str::to_uppercase),
    ("quoted upper case", |name| format!("`{}`", name.to_uppercase())),
    ("mixed case", alternating),
    ("comment before", |name| format!("/**/{name}")),
    ("line comment before", |name| format!("-- x\n{name}")),
    ("skipped before", |name| format!("/*!99999 shop */{name}")),
    ("skipped behind", |name| format!("{name}/*!99999 shop */")),
    ("double quotes", |name| format!("\"{name}\"")),
    ("single quotes", |name| format!("'{name}'")),
    ("no-break space", |name| format!("{name}\u{a0}")),
    ("full width", full_width),
];

fn alternating(name: &str) -> String {
    let turn = |(at, char): (usize, char)| if at % 2 == 0 { char.to_ascii_uppercase() } else { char };
    name.chars().enumerate().map(turn).collect()
}

/// Letters in lower case where they are chosen by their place, outside of quotes and placeholders.
fn turned(code: &str, is_chosen: fn(usize) -> bool) -> String {
    let mut is_within = false;
    let turn = |(at, char): (usize, char)| {
        is_within = match char {
            '{' | '}' => char == '{',
            '\'' => !is_within,
            _ => is_within,
        };
        if is_chosen(at) && !is_within { char.to_ascii_lowercase() } else { char }
    };
    code.chars().enumerate().map(turn).collect()
}

fn full_width(name: &str) -> String {
    let widen = |char: char| char::from_u32(u32::from(char) + 0xfee0).filter(|_| char.is_ascii_graphic());
    name.chars().map(|char| widen(char).unwrap_or(char)).collect()
}

fn words(code: &str, spell: fn(&str) -> String) -> String {
    code.split(' ').map(spell).collect::<Vec<_>>().join(" ")
}

fn first_word(code: &str, spell: fn(&str) -> String) -> String {
    match code.split_once(' ') {
        Some((first, rest)) => format!("{} {rest}", spell(first)),
        None => spell(code),
    }
}

fn last_words(code: &str, spell: fn(&str) -> String) -> String {
    match code.split_once(' ') {
        Some((first, rest)) => format!("{first} {}", spell(rest)),
        None => spell(code),
    }
}
