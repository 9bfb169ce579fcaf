//! Words that nobody can guess, planted where no client may look, and found in answers in any usual form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rand::Rng;

/// Where a word lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A row of a decoy in the schema `mysql`.
    ServerRow,
    /// A row of a decoy in `_autoscaler`.
    OwnRow,
    /// A row of the database `other`.
    OtherRow,
    /// The name of a column, of an index or the comment of the decoys.
    DecoyDefinition,
    /// A table's name, to be seen in listings only.
    TableName,
    /// A database's name.
    DatabaseName,
    /// The name of an account of the server.
    AccountName,
    /// The router's password on its shards.
    Password,
    /// A file that the server can read.
    File,
    /// A statement that somebody runs past the router all the while.
    RunningStatement,
    /// A statement in the binary log.
    LoggedStatement,
    /// The text of a stored function.
    Code,
    /// A statement of another client of the router.
    ClientStatement,
    /// A warning of another client's statement.
    Warning,
    /// A user variable of another session.
    Variable,
}

const PLACES: [Place; 15] = [
    Place::ServerRow,
    Place::OwnRow,
    Place::OtherRow,
    Place::DecoyDefinition,
    Place::TableName,
    Place::DatabaseName,
    Place::AccountName,
    Place::Password,
    Place::File,
    Place::RunningStatement,
    Place::LoggedStatement,
    Place::Code,
    Place::ClientStatement,
    Place::Warning,
    Place::Variable,
];

pub struct Canaries(Vec<Canary>);

struct Canary {
    place: Place,
    word: String,
    /// To be looked for in the answer in lower case.
    folded: Vec<String>,
    /// Base64 at each of the three places in a group, of the word in lower and in upper case.
    exact: Vec<String>,
}

impl Canaries {
    pub fn new() -> Canaries {
        Canaries(PLACES.map(Canary::new).into())
    }

    pub fn word(&self, place: Place) -> &str {
        &self.0.iter().find(|canary| canary.place == place).expect("every place has a word").word
    }

    /// The places whose words an answer gives away.
    pub fn found(&self, answer: &str) -> Vec<Place> {
        let folded = answer.to_lowercase();
        self.0.iter().filter(|canary| canary.is_in(answer, &folded)).map(|canary| canary.place).collect()
    }
}

impl Canary {
    fn new(place: Place) -> Canary {
        let mut random = rand::rng();
        // Letters alone: no form of them is quoted or escaped on its way, and a name of them needs no quotes.
        let letters = (0..14).map(|_| char::from(random.random_range(b'a'..=b'z')));
        let word: String = "kq".chars().chain(letters).collect();
        let reversed: String = word.chars().rev().collect();
        let hex = |word: &str| word.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        let folded = vec![hex(&word), hex(&word.to_uppercase()), word.clone(), reversed];
        let exact = [word.clone(), word.to_uppercase()].iter().flat_map(|word| base64_forms(word)).collect();
        Canary { place, word, folded, exact }
    }

    fn is_in(&self, answer: &str, folded: &str) -> bool {
        self.folded.iter().any(|form| folded.contains(form)) || self.exact.iter().any(|form| answer.contains(form))
    }
}

/// What of a word's base64 does not depend on what stands before and after it.
fn base64_forms(word: &str) -> [String; 3] {
    [0, 1, 2].map(|before| {
        let encoded = STANDARD_NO_PAD.encode(["\0".repeat(before), word.to_owned()].concat());
        // Characters that hold bits of neighbours, before and behind.
        let from = [0, 2, 3][before];
        encoded[from..(before + word.len()) * 4 / 3].to_owned()
    })
}

#[test]
fn a_word_is_found_in_every_form() {
    let canaries = Canaries::new();
    let word = canaries.word(Place::File).to_owned();
    let reversed: String = word.chars().rev().collect();
    let hex: String = word.bytes().map(|byte| format!("{byte:02X}")).collect();
    let base64 = ["", "a", "ab"].map(|before| STANDARD_NO_PAD.encode(format!("{before}{word}{before}")));
    for form in [word.clone(), word.to_uppercase(), reversed, hex].iter().chain(&base64) {
        assert_eq!(canaries.found(&format!("[\"x{form}y\"]")), [Place::File], "{form}");
    }
    assert!(canaries.found(&word[1..]).is_empty());
}
