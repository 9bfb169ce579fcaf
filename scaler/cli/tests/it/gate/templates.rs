//! Statements that reach for something closed, from the files of `tests/gate`, in every spelling.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::canaries::{Canaries, Place};
use super::spellings::{CODE, CodeSpelling, NAMES, NameSpelling, RARE_CODE, RARE_NAMES, SCHEMAS};
use crate::differential::cluster::lines;

/// Decoys with columns `id` and `v`.
const DECOYS: [(&str, &str); 3] = [("mysql", "canary"), ("_autoscaler", "decoy"), ("other", "secrets")];
const CLOSED: [&str; 5] = ["mysql", "_autoscaler", "other", "sys", "performance_schema"];
/// What the servers and the router tell of accounts, clients and statements.
const VIEWS: [(&str, &str); 40] = [
    ("mysql", "user"),
    ("mysql", "global_priv"),
    ("mysql", "db"),
    ("mysql", "tables_priv"),
    ("mysql", "proxies_priv"),
    ("mysql", "proc"),
    ("mysql", "servers"),
    ("mysql", "general_log"),
    ("mysql", "innodb_table_stats"),
    ("_autoscaler", "topology"),
    ("_autoscaler", "moves"),
    ("performance_schema", "threads"),
    ("performance_schema", "processlist"),
    ("performance_schema", "events_statements_current"),
    ("performance_schema", "events_statements_history"),
    ("performance_schema", "events_statements_summary_by_digest"),
    ("performance_schema", "user_variables_by_thread"),
    ("performance_schema", "accounts"),
    ("performance_schema", "metadata_locks"),
    ("performance_schema", "table_io_waits_summary_by_table"),
    ("performance_schema", "session_variables"),
    ("performance_schema", "file_instances"),
    ("sys", "processlist"),
    ("sys", "session"),
    ("sys", "statement_analysis"),
    ("sys", "schema_table_statistics"),
    ("information_schema", "PROCESSLIST"),
    ("information_schema", "INNODB_TRX"),
    ("information_schema", "INNODB_TABLES"),
    ("information_schema", "INNODB_SYS_TABLES"),
    ("information_schema", "INNODB_BUFFER_PAGE"),
    ("information_schema", "USER_PRIVILEGES"),
    ("information_schema", "SCHEMATA"),
    ("information_schema", "TABLES"),
    ("information_schema", "COLUMNS"),
    ("information_schema", "STATISTICS"),
    ("information_schema", "ROUTINES"),
    ("information_schema", "FILES"),
    ("information_schema", "USER_ATTRIBUTES"),
    ("information_schema", "CHECK_CONSTRAINTS"),
];
/// Reads that stand within others, their spelling chosen to be the one that gets through if any does.
const INNER: [&str; 4] = [
    "SELECT v FROM mysql.canary",
    "SELECT v FROM /*!50000other.*/secrets",
    "SELECT v FROM _autoscaler/*!.*/decoy",
    "TABLE other.secrets",
];

/// What placeholders stand for on the servers of a run.
pub struct Things<'a> {
    pub canaries: &'a Canaries,
    pub folder: &'a Path,
    /// A connection of somebody else.
    pub connection: u64,
}

/// One statement to try.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub family: String,
    pub template: String,
    pub spelling: &'static str,
    pub sql: String,
    /// Written plainly, it must not be answered, even where the answer gives nothing away.
    pub is_strict: bool,
}

pub struct Template {
    pub family: String,
    pub text: String,
    is_strict: bool,
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gate")
}

/// Every template, those of a file one behind the other.
pub fn templates() -> Vec<Template> {
    let families = ["read", "carry", "write", "views", "schemas", "server", "wrapped"];
    let of_family = |family: &str| {
        lines(&folder().join(format!("{family}.sql"))).into_iter().map({
            let family = family.to_owned();
            move |line| Template {
                family: family.clone(),
                is_strict: !line.starts_with('~') && family != "wrapped",
                text: line.trim_start_matches('~').to_owned(),
            }
        })
    };
    families.into_iter().flat_map(|family| of_family(family).collect::<Vec<_>>()).collect()
}

/// Every template in its spellings, each text once. `start` is where the rarer spellings begin to rotate.
pub fn attempts(things: &Things, start: usize) -> Vec<Attempt> {
    let mut number = 1000;
    let mut seen = BTreeSet::new();
    let mut attempts = Vec::new();
    for (at, template) in templates().iter().enumerate() {
        for (spelling, text) in spelled(template, at + start) {
            // The number alone makes no other statement.
            if !seen.insert(text.replace("{n}", "")) {
                continue;
            }
            number += 1;
            attempts.push(Attempt {
                family: template.family.clone(),
                template: template.text.clone(),
                spelling,
                sql: things.filled(&text, number),
                // The router's own part of information_schema may be shown.
                is_strict: template.is_strict && spelling == "plain" && !text.contains("information_schema."),
            });
        }
    }
    attempts
}

/// The spellings of one template: the common ones, and a few of the others by turns.
fn spelled(template: &Template, at: usize) -> Vec<(&'static str, String)> {
    let text = &template.text;
    let plain: CodeSpelling = ("plain", str::to_owned);
    let mut all = Vec::new();
    let turns = |count: usize, of: usize| (0..count).map(move |turn| (at * count + turn) % of);
    let targets = targets(text, at);
    for (turn, name) in NAMES.iter().chain(turns(5, RARE_NAMES.len()).map(|turn| &RARE_NAMES[turn])).enumerate() {
        all.push((name.0, with_names(&with_code(text, plain.1), name, targets[turn % targets.len()])));
        if !["{T}", "{N}", "{F}", "{Q}", "{X}"].iter().any(|place| text.contains(place)) {
            break;
        }
    }
    // Every target once in plain words.
    all.extend(targets.iter().map(|target| ("plain", with_names(&with_code(text, plain.1), &NAMES[0], target))));
    let code = CODE.iter().chain(turns(4, RARE_CODE.len()).map(|turn| &RARE_CODE[turn]));
    for (turn, spelling) in code.enumerate().filter(|_| text.contains('[')) {
        let spelled = with_code(text, spelling.1);
        all.push((spelling.0, with_names(&spelled, &NAMES[0], targets[turn % targets.len()])));
    }
    if text.contains("{S}") || text.contains("{s}") {
        all = all.into_iter().flat_map(|(name, text)| with_schemas(name, &text, at)).collect();
    }
    if text.contains("{stmt}") {
        let inner = INNER.iter().map(|inner| ("plain", text.replace("{stmt}", inner)));
        all = inner.collect();
    }
    all
}

fn targets(text: &str, at: usize) -> Vec<&'static (&'static str, &'static str)> {
    let all: &'static [_] = if text.contains("{X}") { &VIEWS } else { &DECOYS };
    let from = at % all.len();
    all[from..].iter().chain(&all[..from]).collect()
}

fn with_names(text: &str, spelling: &NameSpelling, (schema, table): &(&str, &str)) -> String {
    let spell = spelling.1;
    text.replace("{T}", &spell(schema, table))
        .replace("{X}", &spell(schema, table))
        .replace("{N}", &spell(schema, "gate_{n}"))
        .replace("{F}", &spell("other", "tell"))
        .replace("{Q}", &spell("other", "seq"))
}

/// The text with each piece in brackets spelled.
fn with_code(text: &str, spell: fn(&str) -> String) -> String {
    let mut spelled = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('[') {
        let (piece, after) = behind.split_once(']').unwrap_or_else(|| panic!("a bracket is open: {text}"));
        spelled.push_str(before);
        spelled.push_str(&spell(piece));
        rest = after;
    }
    spelled + rest
}

fn with_schemas(name: &'static str, text: &str, at: usize) -> Vec<(&'static str, String)> {
    let of = |schema: &str, spell: fn(&str) -> String| text.replace("{S}", &spell(schema)).replace("{s}", schema);
    if name != "plain" {
        return vec![(name, of(CLOSED[at % CLOSED.len()], str::to_owned))];
    }
    let every = CLOSED.iter().map(|schema| (name, of(schema, str::to_owned)));
    let spelled =
        SCHEMAS.iter().enumerate().map(|(turn, spelling)| (spelling.0, of(CLOSED[(at + turn) % 3], spelling.1)));
    every.chain(spelled).collect()
}

impl Things<'_> {
    /// The text with everything but names put in.
    pub fn filled(&self, text: &str, number: usize) -> String {
        let folder = self.folder.display().to_string();
        let replacements = [
            ("{n}", number.to_string()),
            ("{O}", "gate_own".to_owned()),
            ("{file}", format!("{folder}/canary.txt")),
            ("{dir}", folder),
            ("{account}", "gate_known@localhost".to_owned()),
            ("{pid}", self.connection.to_string()),
            ("{T}", "mysql.canary".to_owned()),
            ("{S}", "mysql".to_owned()),
            ("{nul}", "\0".to_owned()),
            ("{bom}", "\u{feff}".to_owned()),
            ("{nbsp}", "\u{a0}".to_owned()),
            ("{lf}", "\n".to_owned()),
            ("{vt}", "\u{b}".to_owned()),
            ("{cr}", "\r".to_owned()),
            ("{brace_open}", "{".to_owned()),
            ("{brace_close}", "}".to_owned()),
            ("{warning}", self.canaries.word(Place::Warning).to_owned()),
            ("{statement}", self.canaries.word(Place::ClientStatement).to_owned()),
            ("{variable}", self.canaries.word(Place::Variable).to_owned()),
        ];
        replacements.iter().fold(text.to_owned(), |text, (place, value)| text.replace(place, value))
    }
}
