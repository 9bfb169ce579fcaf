//! What a statement will cost before anything is done with it: told in one pass over its bytes, without memory.

use crate::sql::read::scan::{line_end, starts_line_comment};

/// An upper bound of what reading and planning a statement takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    pub tokens: usize,
    pub bytes: usize,
}

/// Measured with `plan::tests::long` over its shapes, in bytes of resident memory.
mod cost {
    /// Of a token of rows that are literals only: the parser does not see them.
    pub const PLAIN_TOKEN: usize = 330;
    /// A comma, a parenthesis, an operator.
    pub const SYMBOL: usize = 380;
    /// A number or a string, which is a node of the tree.
    pub const LITERAL: usize = 750;
    /// A name or a keyword, which may begin an item of a list.
    pub const WORD: usize = 1_300;
    /// A function's name is a node of its own with a list of arguments.
    pub const CALL: usize = 2_600;
    /// What is a query of its own, in most places with tables.
    pub const SELECT: usize = 16_000;
    /// A blank or a comment is a token until the statement was lexed.
    pub const BLANK: usize = 180;
    /// The text itself, its copies with values put in, and what is sent.
    pub const BYTE: usize = 6;
}

/// Weighs a text. Where its strings and comments end is told as MySQL does; what follows a prefix directly, as in
/// `b'…'`, is weighed as code and as a string, since readers differ.
pub fn weigh(text: &str) -> Weight {
    let bytes = text.as_bytes();
    let mut count = Count::default();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied().unwrap_or(b' ');
        at = match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {
                count.blanks += 1;
                at + 1
            }
            b'\'' | b'"' => {
                count.strings += 1;
                let end = string_end(bytes, at);
                let is_prefixed = at > 0 && is_word(bytes[at - 1]);
                if is_prefixed {
                    count.odd += end - at;
                }
                end
            }
            b'`' => {
                count.words += 1;
                bytes[at + 1..].iter().position(|&byte| byte == b'`').map_or(bytes.len(), |length| at + length + 2)
            }
            b'#' => {
                count.blanks += 1;
                line_end(bytes, at)
            }
            b'-' if starts_line_comment(bytes, at) => {
                count.blanks += 1;
                line_end(bytes, at)
            }
            // Executable comments were expanded before.
            b'/' if next == b'*' => {
                count.blanks += 1;
                let length = bytes[at + 2..].windows(2).position(|pair| pair == b"*/");
                length.map_or(bytes.len(), |length| at + 2 + length + 2)
            }
            b'0'..=b'9' => {
                count.numbers += 1;
                number_end(bytes, at)
            }
            byte if is_word(byte) => {
                let end = word_end(bytes, at);
                count.word(&bytes[at..end], bytes.get(end));
                end
            }
            byte => {
                count.symbol(byte);
                at + 1
            }
        };
    }
    count.weight(bytes)
}

#[derive(Default)]
struct Count {
    blanks: usize,
    numbers: usize,
    strings: usize,
    /// Bytes of strings that some reader may take for code.
    odd: usize,
    words: usize,
    /// `NULL` and `DEFAULT`.
    plain_words: usize,
    calls: usize,
    selects: usize,
    /// Functions of the clock, for whose sake a statement over several shards is read a second time.
    clocks: usize,
    /// `( ) , - +`.
    plain_symbols: usize,
    symbols: usize,
}

impl Count {
    fn word(&mut self, word: &[u8], next: Option<&u8>) {
        const CLOCKS: [&[u8]; 5] = [b"NOW", b"SYSDATE", b"CUR", b"LOCALTIME", b"UTC_"];
        let begins = |clock: &[u8]| word.get(..clock.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(clock));
        self.clocks += usize::from(CLOCKS.iter().any(|clock| begins(clock)) || begins(b"UNIX_TIMESTAMP"));
        if word.eq_ignore_ascii_case(b"SELECT") {
            self.selects += 1;
        } else if word.eq_ignore_ascii_case(b"NULL") || word.eq_ignore_ascii_case(b"DEFAULT") {
            self.plain_words += 1;
        } else if next == Some(&b'(') {
            self.calls += 1;
        } else {
            self.words += 1;
        }
    }

    fn symbol(&mut self, byte: u8) {
        match byte {
            b'(' | b')' | b',' | b'-' | b'+' => self.plain_symbols += 1,
            _ => self.symbols += 1,
        }
    }

    fn weight(&self, bytes: &[u8]) -> Weight {
        /// Names of columns, and what follows the rows.
        const FEW: usize = 256;
        let code = self.symbols + self.words + self.calls + self.selects;
        let plain = self.plain_symbols + self.numbers + self.strings + self.plain_words;
        let tokens = code + plain + self.odd;
        let begins = |verb: &[u8]| {
            let start = bytes.iter().position(|byte| is_word(*byte)).unwrap_or_default();
            bytes[start..].get(..verb.len()).is_some_and(|word| word.eq_ignore_ascii_case(verb))
        };
        let is_insert = begins(b"INSERT") || begins(b"REPLACE");
        let is_plain = self.odd == 0 && code <= FEW && self.selects == 0 && is_insert;
        let is_read_twice = self.clocks > 0 || is_insert && self.selects > 0;
        let of_plain = match is_plain {
            true => plain * cost::PLAIN_TOKEN,
            false => {
                self.plain_symbols * cost::SYMBOL + (self.numbers + self.strings + self.plain_words) * cost::LITERAL
            }
        };
        let of_code = (self.symbols + self.odd) * cost::SYMBOL
            + self.words * cost::WORD
            + self.calls * cost::CALL
            + self.selects * cost::SELECT;
        let of_tokens = (of_plain + of_code) * if is_read_twice { 2 } else { 1 };
        Weight { tokens, bytes: of_tokens + self.blanks * cost::BLANK + bytes.len() * cost::BYTE }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte == b'@' || byte >= 0x80
}

fn word_end(bytes: &[u8], start: usize) -> usize {
    bytes[start..].iter().position(|byte| !is_word(*byte)).map_or(bytes.len(), |length| start + length)
}

/// A number with its fraction; what it cannot be is weighed as more tokens than it is.
fn number_end(bytes: &[u8], start: usize) -> usize {
    let end = word_end(bytes, start);
    let has_fraction = bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
    match has_fraction && bytes[start..end].iter().all(u8::is_ascii_digit) {
        true => end + 1 + bytes[end + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count(),
        false => end,
    }
}
/// Behind the closing quote.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sqlparser::tokenizer::{Token, Tokenizer};

    use super::*;
    use crate::sql::read::dialect::MariaDialect;
    use crate::sql::read::lex;

    fn tokens_of(text: &str) -> usize {
        let Ok((code, _)) = lex::code_of(text) else { return 0 };
        let tokens = Tokenizer::new(&MariaDialect, &code.text).with_unescape(false).tokenize();
        let is_code = |token: &&Token| !matches!(token, Token::Whitespace(_));
        tokens.map_or(0, |tokens| tokens.iter().filter(is_code).count())
    }

    #[track_caller]
    fn check(text: &str, tokens: usize) {
        assert_eq!(weigh(text).tokens, tokens, "{text}");
    }

    #[test]
    fn tokens_are_counted() {
        check("SELECT a.b, 'it''s' FROM `t``x` -- a, b, c", 9);
        check("/* a, b */ SELECT 1 # x, y", 2);
        check("SELECT '\\', a, a'", 2);
        check("SELECT b'01'", 3 + 4);
        check("", 0);
    }

    #[test]
    fn rows_of_literals_weigh_less() {
        let rows = |row: &str| weigh(&format!("INSERT INTO t VALUES {}", vec![row; 1_000].join(","))).bytes;
        assert!(rows("(1,'a')") * 3 < rows("(a,b)") * 2);
        assert_eq!(rows("(1,'ab')"), rows("(1,NULL)"));
    }

    proptest! {
        #[test]
        fn no_text_has_many_more_tokens_than_were_counted(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "a", "1", "1.5e3", ".", ",", "(", ")", "'", "\"", "`", "\\", "b'", "x'4'", "N'", "--", "-- ", "#", "\n",
                    "/*", "*/", "@", "@@", ":=", "<=>", "||", "$$", "$a$", "é", "_latin1'a'", "''", ";", "?", "e'",
                    "r'", "0x", "{", "~", "!", "&", " ",
                ]),
                0..24,
            )
        ) {
            // Readers differ in odd places by a token or two; they may not by all that follows.
            let text = parts.concat().repeat(20);
            prop_assert!(2 * weigh(&text).tokens + 2 >= tokens_of(&text), "{}", text);
        }
    }
}
