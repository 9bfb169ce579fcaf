//! Statements that do harm one after the other.

use futures_util::future::join_all;

use super::bench::{Answer, Bench, CONNECTIONS, FOREIGN_ID};
use super::templates::{Things, folder};

pub struct Step {
    who: Who,
    is_everywhere: bool,
    sql: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    /// A session of the chain.
    Attacker,
    /// Another session, whose own words may come back to it.
    Other,
    /// Nobody's session.
    Nobody,
    /// A client without a session that leaves something.
    Victim,
}

/// The chains of `chains.sql`.
pub fn chains() -> Vec<Vec<Step>> {
    let file = folder().join("chains.sql");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let is_step = |line: &&str| !line.is_empty() && !line.starts_with("--");
    let of_chain = |chain: &str| chain.lines().filter(is_step).map(Step::read).collect::<Vec<_>>();
    text.split("\n\n").map(of_chain).filter(|chain| !chain.is_empty()).collect()
}

impl Step {
    fn read(line: &str) -> Step {
        let (who, sql) = line.split_once(": ").unwrap_or_else(|| panic!("a step begins with who takes it: {line}"));
        let is_everywhere = who.ends_with('*');
        let who = match who.trim_end_matches('*') {
            "a" => Who::Attacker,
            "b" => Who::Other,
            "-" => Who::Nobody,
            "v" => Who::Victim,
            _ => panic!("nobody is called so: {line}"),
        };
        Step { who, is_everywhere, sql: sql.to_owned() }
    }
}

/// What was asked, and each answer that shows something.
pub struct Taken {
    pub sql: String,
    pub answers: Vec<Answer>,
    pub shown: Option<String>,
    /// Whether anybody but a victim took it.
    pub is_attempt: bool,
}

/// Takes the steps of a chain in their order.
pub async fn take(bench: &Bench, chain: &[Step], target: (&str, &str), number: usize) -> Vec<Taken> {
    let things = Things { canaries: &bench.canaries, folder: bench.folder.path(), connection: bench.victims[0] };
    let (attacker, other) = (bench.new_session(), bench.new_session());
    // Ids are secret only where the chain is about somebody else's.
    let is_about_ids = chain.iter().any(|step| step.who == Who::Victim && step.sql.contains("INTO notes"));
    let mut taken = Vec::new();
    for step in chain {
        let text = step.sql.replace("{T}", &format!("{}.{}", target.0, target.1)).replace("{S}", target.0);
        let sql = things.filled(&text, number);
        let session = match step.who {
            Who::Attacker => Some(attacker.as_str()),
            Who::Other => Some(other.as_str()),
            Who::Nobody | Who::Victim => None,
        };
        let times = if step.is_everywhere { 2 * CONNECTIONS } else { 1 };
        let answers = join_all((0..times).map(|_| bench.ask(&sql, session))).await;
        let is_attempt = matches!(step.who, Who::Attacker | Who::Nobody);
        let shown = answers.iter().filter(|_| is_attempt).find_map(|answer| {
            let places = bench.canaries.found(&answer.body);
            let is_foreign_id = is_about_ids && answer.body.contains(FOREIGN_ID);
            match (places.first(), is_foreign_id) {
                (Some(place), _) => Some(format!("shows {place:?}")),
                (None, true) => Some("shows another client's id".to_owned()),
                (None, false) => None,
            }
        });
        taken.push(Taken { sql, answers, shown, is_attempt });
    }
    taken
}
