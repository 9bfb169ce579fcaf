//! A client that tries to get around the router's gate, and the servers looked at afterwards: nothing closed is read,
//! written, made or left behind, however it is spelled.
//!
//! The statements are in `tests/gate`; `GATE_STATEMENTS` random ones follow, from `GATE_SEED` on.

mod bench;
mod canaries;
mod chains;
mod honest;
mod random;
mod spellings;
mod state;
mod templates;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;

use self::bench::{Answer, Bench, CONNECTIONS, USERS};
use self::templates::{Attempt, Things, attempts};
use crate::differential::cluster::lines;
use crate::kit::servers::Flavor;

/// Attempts at a time: definitions need two connections each, of the few that there are.
const AT_ONCE: usize = CONNECTIONS / 2;
/// Attempts between two looks at the servers.
const BATCH: usize = 200;
/// Attempts of a batch that are tried again one by one if it left something.
const RETRIED: usize = 40;
/// As many in the whole of a run: where the gate is open, there is no end to what could be tried again.
const RETRIES: usize = 300;
/// Findings of a template that are not looked for again.
const ENOUGH: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_gets_around_the_gate_of_one_mariadb() {
    probe(Flavor::MariaDb, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_gets_around_the_gate_of_three_mariadbs() {
    probe(Flavor::MariaDb, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_gets_around_the_gate_of_one_mysql() {
    probe(Flavor::MySql, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_gets_around_the_gate_of_three_mysqls() {
    probe(Flavor::MySql, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_mariadb_dump_says_in_comments_is_taken_or_refused_by_name() {
    let Some(bench) = Bench::start(Flavor::MariaDb, 1).await else { return };
    let mut statements = lines(&templates::folder().join("honest.sql"));
    statements.extend(honest::dumped(&bench).await);
    statements.extend(
        ["SELECT id, t, d, kind, g FROM dumped ORDER BY id", "SELECT * FROM dumped_parts ORDER BY id"]
            .map(str::to_owned),
    );
    taken_or_refused(&bench, &statements).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_mysql_dump_says_in_comments_is_taken_or_refused_by_name() {
    let Some(bench) = Bench::start(Flavor::MySql, 1).await else { return };
    taken_or_refused(&bench, &lines(&templates::folder().join("honest.sql"))).await;
}

async fn taken_or_refused(bench: &Bench, statements: &[String]) {
    let differential = honest::compare_listed(bench, statements).await;
    let Counts { tried, refused, failed, answered, .. } = differential.counts;
    println!("{:?}: {tried} tried, {answered} answered, {failed} failed alike, {refused} refused", bench.flavor);
    let different: Vec<String> = differential.different.iter().map(|(sql, how)| format!("{sql}\n    {how}")).collect();
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
    assert!(answered > 0, "nothing honest is answered");
}

async fn probe(flavor: Flavor, shards: usize) {
    let Some(mut bench) = Bench::start(flavor, shards).await else { return };
    let mut prober = Prober { retries: RETRIES, ..Prober::default() };
    let (connection, start) = (bench.victims[0], shards * 7);
    let things = Things { canaries: &bench.canaries, folder: bench.folder.path(), connection };
    let mut tried = attempts(&things, start);
    if shards > 1 {
        // Where the gate is the same, half of the rarer ways tells whether more shards make a difference.
        let mut turn = 0;
        tried.retain(|attempt| {
            turn += 1;
            attempt.spelling == "plain" || turn % 2 == 0
        });
    }
    let families: Vec<&[Attempt]> = tried.chunk_by(|one, two| one.family == two.family).collect();
    for family in families {
        for batch in family.chunks(BATCH) {
            prober.run_batch(&mut bench, batch).await;
        }
    }
    prober.run_chains(&mut bench).await;
    prober.run_random(&mut bench).await;
    prober.look_for_leftovers(&mut bench).await;
    println!("{flavor:?}, {shards} shards\n{}", prober.table());
    let through = prober.through();
    assert!(
        through.is_empty(),
        "{flavor:?}, {shards} shards: {} templates got through\n{through}",
        prober.findings.len()
    );
}

/// What became of the attempts of a family.
#[derive(Default)]
struct Counts {
    tried: usize,
    refused: usize,
    failed: usize,
    answered: usize,
    through: usize,
}

/// Something that got through.
struct Finding {
    spelling: String,
    sql: String,
    what: String,
}

#[derive(Default)]
struct Prober {
    counts: BTreeMap<String, Counts>,
    /// By family and template.
    findings: BTreeMap<(String, String), Vec<Finding>>,
    retries: usize,
    /// A server that no longer answers ends everything.
    is_over: bool,
}

impl Prober {
    async fn run_batch(&mut self, bench: &mut Bench, batch: &[Attempt]) {
        if self.is_over {
            return;
        }
        let answers: Vec<(Option<String>, Answer)> = {
            let bench = &*bench;
            let ask = |(at, attempt): (usize, &Attempt)| {
                // Half of them in a session, where more is allowed.
                let session = (at % 2 == 1 && !attempt.is_strict).then(|| bench.new_session());
                let sql = attempt.sql.clone();
                async move {
                    let answer = bench.ask(&sql, session.as_deref()).await;
                    (session, answer)
                }
            };
            stream::iter(batch.iter().enumerate()).map(ask).buffered(AT_ONCE).collect().await
        };
        let mut passed = Vec::new();
        let before = self.count();
        if answers.iter().any(|(_, answer)| answer.is_missing()) && bench.free().await.is_err() {
            self.is_over = true;
        }
        for (attempt, (session, answer)) in batch.iter().zip(&answers) {
            let counts = self.counts.entry(attempt.family.clone()).or_default();
            counts.tried += 1;
            match (answer.is_ok(), answer.is_refusal()) {
                (true, _) => counts.answered += 1,
                (_, true) => counts.refused += 1,
                _ => counts.failed += 1,
            }
            match bench.canaries.found(&answer.body).first() {
                Some(place) => self.add(attempt, format!("shows {place:?}")),
                None if answer.is_missing() => self.add(attempt, "is not answered in time".to_owned()),
                None if answer.is_ok() && attempt.is_strict => self.add(attempt, "is answered".to_owned()),
                None if !answer.is_refusal() => passed.push((attempt, session)),
                None => {}
            }
        }
        // Those found already explain a change; who else made one is tried again, one by one.
        let mut is_explained = self.count() > before;
        if passed.is_empty() && !is_explained {
            return;
        }
        let Some(changes) = self.changes(bench, &passed).await else { return };
        if changes.is_empty() {
            return;
        }
        let unknown = |(attempt, _): &&(&Attempt, &Option<String>)| {
            let key = (attempt.family.clone(), attempt.template.clone());
            self.findings.get(&key).is_none_or(|found| found.len() < ENOUGH)
        };
        let retried: Vec<_> = passed.iter().filter(unknown).take(RETRIED.min(self.retries)).collect();
        self.retries -= retried.len();
        for (attempt, session) in retried {
            let session = session.as_ref().map(|_| bench.new_session());
            if bench.ask(&attempt.sql, session.as_deref()).await.is_missing() && bench.free().await.is_err() {
                self.is_over = true;
            }
            let Some(changes) = self.changes(bench, &[(*attempt, &session)]).await else { return };
            if let Some(change) = changes.first() {
                self.add(attempt, change.clone());
                is_explained = true;
            }
        }
        if !is_explained {
            let shortest = passed.iter().min_by_key(|(attempt, _)| attempt.sql.len()).expect("some passed").0;
            let what = format!("one of {} passed statements: {}", passed.len(), changes.join("; "));
            self.add(shortest, what);
        }
    }

    /// What changed; `None` if a server is gone.
    async fn changes(&mut self, bench: &mut Bench, passed: &[(&Attempt, &Option<String>)]) -> Option<Vec<String>> {
        match bench.changes().await {
            Ok(changes) => Some(changes),
            Err(gone) => {
                for (attempt, _) in passed {
                    self.add(attempt, format!("one of those behind which {gone}"));
                }
                self.is_over = true;
                None
            }
        }
    }

    fn count(&self) -> usize {
        self.findings.values().map(Vec::len).sum()
    }

    fn add(&mut self, attempt: &Attempt, what: String) {
        self.counts.entry(attempt.family.clone()).or_default().through += 1;
        let key = (attempt.family.clone(), attempt.template.clone());
        let finding = Finding { spelling: attempt.spelling.to_owned(), sql: attempt.sql.clone(), what };
        self.findings.entry(key).or_default().push(finding);
    }

    async fn run_chains(&mut self, bench: &mut Bench) {
        let targets = [("mysql", "canary"), ("_autoscaler", "decoy"), ("other", "secrets")];
        for (at, chain) in chains::chains().iter().enumerate() {
            if self.is_over {
                return;
            }
            let taken = chains::take(bench, chain, targets[at % targets.len()], 900_000 + at).await;
            let attempt = |sql: &str| Attempt {
                family: "chains".to_owned(),
                template: taken[0].sql.clone(),
                spelling: "plain",
                sql: sql.to_owned(),
                is_strict: false,
            };
            for step in taken.iter().filter(|step| step.is_attempt) {
                let counts = self.counts.entry("chains".to_owned()).or_default();
                counts.tried += 1;
                match (step.answers.iter().any(Answer::is_ok), step.answers.iter().all(Answer::is_refusal)) {
                    (true, _) => counts.answered += 1,
                    (_, true) => counts.refused += 1,
                    _ => counts.failed += 1,
                }
                if let Some(shown) = &step.shown {
                    self.add(&attempt(&step.sql), shown.clone());
                }
            }
            let steps: Vec<&str> = taken.iter().map(|step| step.sql.as_str()).collect();
            let whole = attempt(&steps.join(" ;; "));
            let Some(changes) = self.changes(bench, &[(&whole, &None)]).await else { return };
            if let Some(change) = changes.first() {
                self.add(&whole, change.clone());
            }
            if let Some(different) = clients_that_see_something_else(bench).await {
                self.add(&whole, different);
            }
        }
    }

    async fn run_random(&mut self, bench: &mut Bench) {
        let number = |name: &str, default: u64| std::env::var(name).map_or(default, |value| value.parse().unwrap());
        let (count, seed) = (number("GATE_STATEMENTS", 600), number("GATE_SEED", 1));
        let version = honest::version(bench).await;
        let attacks: Vec<(Attempt, random::Text)> = {
            let things =
                Things { canaries: &bench.canaries, folder: bench.folder.path(), connection: bench.victims[0] };
            let attack = |seed| {
                let (template, text) = random::attack(seed, &things, version);
                let sql = text.to_string();
                let family = "random".to_owned();
                (
                    Attempt {
                        family,
                        template: format!("{template} (seed {seed})"),
                        spelling: "random",
                        sql,
                        is_strict: false,
                    },
                    text,
                )
            };
            (seed..seed + count).map(attack).collect()
        };
        for batch in attacks.chunks(BATCH) {
            let attempts: Vec<Attempt> = batch.iter().map(|(attempt, _)| attempt.clone()).collect();
            self.run_batch(bench, &attempts).await;
        }
        self.shorten(bench, &attacks).await;
        if self.is_over {
            return;
        }
        let differential = honest::compare_random(bench, seed, count, version).await;
        self.counts.insert("honest".to_owned(), differential.counts);
        for (sql, what) in differential.different {
            let attempt = Attempt {
                family: "honest".to_owned(),
                template: sql.clone(),
                spelling: "random",
                sql,
                is_strict: false,
            };
            self.add(&attempt, what);
        }
    }

    /// Takes edits out of random statements that showed something, as long as they still do.
    async fn shorten(&mut self, bench: &Bench, attacks: &[(Attempt, random::Text)]) {
        for (attempt, text) in attacks {
            let key = (attempt.family.clone(), attempt.template.clone());
            let Some(found) = self.findings.get_mut(&key).filter(|found| found[0].what.starts_with("shows")) else {
                continue;
            };
            let mut least = text.clone();
            'smaller: loop {
                for smaller in least.smaller() {
                    let answer = bench.ask(&smaller.to_string(), Some(&bench.new_session())).await;
                    if !bench.canaries.found(&answer.body).is_empty() {
                        least = smaller;
                        continue 'smaller;
                    }
                }
                break;
            }
            found[0].sql = least.to_string();
        }
    }

    async fn look_for_leftovers(&mut self, bench: &mut Bench) {
        if self.is_over {
            return;
        }
        let left = bench.leftovers().await;
        let attempt = Attempt {
            family: "leftovers".to_owned(),
            template: "all of them".to_owned(),
            spelling: "plain",
            sql: "something of the above".to_owned(),
            is_strict: false,
        };
        let left: Vec<String> = left.into_iter().chain(clients_that_see_something_else(bench).await).collect();
        if !left.is_empty() {
            self.add(&attempt, left.join("; "));
        }
    }

    fn table(&self) -> String {
        let mut table = format!(
            "{:<10} {:>7} {:>8} {:>7} {:>9} {:>8}\n",
            "family", "tried", "refused", "failed", "answered", "through"
        );
        for (family, counts) in &self.counts {
            let Counts { tried, refused, failed, answered, through } = counts;
            writeln!(table, "{family:<10} {tried:>7} {refused:>8} {failed:>7} {answered:>9} {through:>8}").unwrap();
        }
        table
    }

    /// The smallest statement of each template that got through, and what it did.
    fn through(&self) -> String {
        let mut lines = String::new();
        for ((family, template), found) in &self.findings {
            let least = found.iter().min_by_key(|finding| finding.sql.len()).expect("a finding");
            let excerpt: String = least.sql.chars().take(400).collect();
            writeln!(
                lines,
                "[{family}] {template}\n    {} ways; {} ({}): {excerpt:?}",
                found.len(),
                least.what,
                least.spelling
            )
            .unwrap();
        }
        lines
    }
}

/// What clients get on all of the router's connections at once, if it is not what everybody has always got. Whom the
/// router had no connection or no time for says nothing.
async fn clients_that_see_something_else(bench: &Bench) -> Option<String> {
    let everywhere = 2 * CONNECTIONS;
    let by_key =
        |key: usize| (format!("SELECT name FROM users WHERE id = {}", key + 1), format!("\"user {}\"", key + 1));
    let kinds: [Vec<(String, String)>; 3] = [
        vec![("SELECT COUNT(*) AS c FROM users".to_owned(), format!("[[{USERS}]]")); everywhere],
        (0..everywhere).map(by_key).collect(),
        vec![("SELECT v FROM settings WHERE id = 1".to_owned(), "\"one\"".to_owned()); everywhere],
    ];
    for asked in kinds {
        let answers = join_all(asked.iter().map(|(sql, _)| bench.ask(sql, None))).await;
        let judged = asked.iter().zip(&answers).filter(|(_, answer)| !answer.is_for_want_of_time());
        if let Some((_, answer)) = judged.clone().find(|((_, expected), answer)| !answer.body.contains(expected)) {
            return Some(format!("another client's honest statement is answered with {}", answer.body));
        }
        if judged.count() == 0 {
            return Some(format!("no other client is answered: {}", answers[0].body));
        }
    }
    None
}
