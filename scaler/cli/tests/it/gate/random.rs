//! Random statements, each told by its seed: executable comments, versions and odd blanks around the tokens of a text.

use std::fmt;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::templates::{Things, templates};

const BLANKS: [&str; 8] = ["\t", "\n", "\r", "\u{b}", "\u{c}", "  ", "", "\u{a0}"];
const COMMENTS: [&str; 16] = [
    "/**/",
    "/* ' */",
    "/*!*/",
    "/*!50000*/",
    "/*!99999 x */",
    "/*!99999 ' */",
    "/*!99999 /* */ x */",
    "/*M!999999 /* */ */",
    "/*!50000/* x */*/",
    "/*! -- */\n*/",
    "/*! # ' */\n*/",
    "-- '\n",
    "#`\n",
    "--\u{1}x\n",
    "/*+ x */",
    "/*/ */",
];
const CLOSERS: [&str; 5] = ["*/", " */", "\n*/", "/**/*/", "-- */\n*/"];

/// A text as tokens, and what was done to them.
#[derive(Clone, Debug)]
pub struct Text {
    tokens: Vec<Token>,
    edits: Vec<Edit>,
}

#[derive(Clone, Debug)]
struct Token {
    text: String,
    has_blank_before: bool,
}

#[derive(Clone, Debug)]
enum Edit {
    /// Something else than a blank before a token.
    Gap(usize, &'static str),
    /// A comment before a token.
    Comment(usize, &'static str),
    /// An opener before a token, and a closer behind another.
    Wrap(usize, usize, String, &'static str),
    /// An opener that nothing closes, unless another's closer does.
    Open(usize, String),
    Case(usize),
    Quote(usize),
}

impl Text {
    fn new(text: &str) -> Text {
        Text { tokens: split(text), edits: Vec::new() }
    }

    /// With one to four edits.
    fn edited(mut self, random: &mut StdRng, version: u32) -> Text {
        for _ in 0..random.random_range(1..=4) {
            let at = random.random_range(0..self.tokens.len());
            let end = random.random_range(at..self.tokens.len().min(at + 6));
            let edit = match random.random_range(0..12) {
                0..=5 => Edit::Wrap(at, end, opener(random, version), CLOSERS[random.random_range(0..CLOSERS.len())]),
                6..=7 => Edit::Comment(at, COMMENTS.choose(random).unwrap()),
                8 => Edit::Gap(at, BLANKS.choose(random).unwrap()),
                9 => Edit::Open(at, opener(random, version)),
                10 => Edit::Case(at),
                _ => Edit::Quote(at),
            };
            self.edits.push(edit);
        }
        self
    }

    /// The same with one edit less, in every way.
    pub fn smaller(&self) -> Vec<Text> {
        let without = |at: usize| {
            let mut smaller = self.clone();
            smaller.edits.remove(at);
            smaller
        };
        (0..self.edits.len()).map(without).collect()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, token) in self.tokens.iter().enumerate() {
            let mut gap = if token.has_blank_before { " " } else { "" };
            let (mut before, mut text, mut behind) = (String::new(), token.text.clone(), String::new());
            for edit in &self.edits {
                match edit {
                    Edit::Gap(place, blank) if *place == at => gap = blank,
                    Edit::Comment(place, comment) if *place == at => before.push_str(comment),
                    Edit::Open(place, opener) if *place == at => before.push_str(opener),
                    Edit::Wrap(start, end, opener, closer) => {
                        if *start == at {
                            before.push_str(opener);
                        }
                        if *end == at {
                            behind.push_str(closer);
                        }
                    }
                    Edit::Case(place) if *place == at => {
                        text = if text.starts_with(['\'', '`']) { text } else { text.to_uppercase() };
                    }
                    Edit::Quote(place) if *place == at => {
                        let is_word = text.starts_with(|first: char| first.is_ascii_alphabetic());
                        text = if is_word { format!("`{text}`") } else { text };
                    }
                    _ => {}
                }
            }
            write!(f, "{gap}{before}{text}{behind}")?;
        }
        Ok(())
    }
}

/// A statement that reaches for something closed.
pub fn attack(seed: u64, things: &Things, version: u32) -> (String, Text) {
    let mut random = StdRng::seed_from_u64(seed);
    let templates = templates_once();
    let template = templates.choose(&mut random).unwrap();
    let number = 2_000_000 + usize::try_from(seed % 1_000_000).unwrap();
    let decoy = ["mysql.canary", "other.secrets", "_autoscaler.decoy"].choose(&mut random).unwrap();
    let text = template.replace(['[', ']'], "").replace("{T}", decoy).replace("{stmt}", &format!("TABLE {decoy}"));
    let text = text.replace("{X}", "information_schema.PROCESSLIST").replace("{N}", "other.gate_{n}");
    let text =
        text.replace("{F}", "other.tell").replace("{Q}", "other.seq").replace("{S}", "other").replace("{s}", "other");
    (template.clone(), Text::new(&things.filled(&text, number)).edited(&mut random, version))
}

fn templates_once() -> &'static [String] {
    static TEXTS: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
    TEXTS.get_or_init(|| templates().into_iter().map(|template| template.text).collect())
}

/// A statement that any client may send, over `users` and `honest`. Its own row of `honest` has the number.
pub fn honest(seed: u64, number: usize, version: u32) -> Text {
    const STRINGS: [&str; 14] = [
        "a",
        "/* x */",
        "*/",
        "/*! 1 */",
        "-- ",
        "#",
        "it''s",
        "/*!50000",
        "; ",
        "\\\\",
        "\"",
        "`",
        "a */ b /*!",
        "\\'*/",
    ];
    let mut random = StdRng::seed_from_u64(seed);
    let string = |random: &mut StdRng| format!("'{}'", STRINGS.choose(random).unwrap());
    let (one, two) = (string(&mut random), string(&mut random));
    let id = random.random_range(1..=100);
    let other = random.random_range(1..=100);
    let text = match random.random_range(0..8) {
        0 => format!("SELECT id, name FROM users WHERE id = {id} AND name <> {one}"),
        1 => format!("SELECT COUNT(*), MAX(id) FROM users WHERE id > {id} AND name <> {one}"),
        2 => format!("SELECT {id} - - {other} * 3 AS x, {one} AS y FROM users WHERE id = {other}"),
        3 => format!("SELECT u.name, {one} AS y FROM users AS u WHERE u.id IN ({id}, {other}, 7) ORDER BY u.id"),
        4 => format!("SELECT name, {one} AS y FROM users WHERE id = {id} UNION ALL SELECT {two}, 'z' ORDER BY 1, 2"),
        5 => format!("INSERT INTO honest (id, t) VALUES ({number}, {one})"),
        6 => format!("INSERT INTO honest (t, id) VALUES (CONCAT({one}, {two}), {number})"),
        _ => format!("REPLACE INTO honest SET id = {number}, t = {one}"),
    };
    Text::new(&text).edited(&mut random, version)
}

/// An opener of a comment that some server runs, or of one that looks alike.
fn opener(random: &mut StdRng, version: u32) -> String {
    const NEAR: [u32; 14] =
        [0, 30_000, 40_101, 50_000, 50_001, 50_699, 50_700, 57_000, 80_000, 99_999, 100_000, 100_100, 110_000, 999_999];
    let number = match random.random_range(0..3) {
        0 => version.saturating_add_signed(random.random_range(-1..=1)),
        _ => *NEAR.choose(random).unwrap(),
    };
    let blank = if random.random_bool(0.5) { " " } else { "" };
    match random.random_range(0..16) {
        0..=5 => format!("/*!{number:05}{blank}"),
        6..=7 => format!("/*!{number:06}{blank}"),
        8 => format!("/*!{number:07}{blank}"),
        9..=10 => "/*!".to_owned(),
        11 => "/*M!".to_owned(),
        12 => format!("/*M!{number:05}{blank}"),
        13 => format!("/*M!{number:06}{blank}"),
        14 => ["/*", "/*+", "/*m!", "/* !", "/*MM!"].choose(random).unwrap().to_string(),
        _ => format!("/*!{}", ["5", "500", "5000", "!", "M", "*/"].choose(random).unwrap()),
    }
}

/// Words, numbers, strings, comments and signs.
fn split(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    let mut has_blank_before = false;
    while at < chars.len() {
        let start = at;
        match chars[at] {
            blank if blank.is_whitespace() => {
                has_blank_before = true;
                at += 1;
                continue;
            }
            quote @ ('\'' | '`' | '"') => {
                at += 1;
                while at < chars.len() && chars[at] != quote {
                    at += if chars[at] == '\\' && quote != '`' { 2 } else { 1 };
                }
                at += 1;
            }
            first if first.is_alphanumeric() || matches!(first, '_' | '@' | '$') => {
                while at < chars.len() && (chars[at].is_alphanumeric() || matches!(chars[at], '_' | '@' | '$')) {
                    at += 1;
                }
            }
            _ => at += 1,
        }
        let end = at.min(chars.len());
        tokens.push(Token { text: chars[start..end].iter().collect(), has_blank_before });
        has_blank_before = false;
    }
    tokens
}
