//! The crash table: everything that can end or be cut off, at every step of a move, beside a crowd of clients.
//!
//! After each case every row is there exactly once with the worth that its writer knows, nothing is left of the move, all
//! shards carry one topology, and the cluster serves. The next case moves the slots on, so what a case left could not
//! stay unseen. `MOVE_KILLS` sets how many cases each test tries, `MOVE_SEED` which.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keyspace::faults::{FaultPoint, Faults};
use keyspace::own;
use keyspace::slots::{self, SlotSet};
use keyspace::topology::{Shard, ShardId, Topology, Transfer};
use moves::cluster::Cluster;
use moves::faults::Point;
use moves::{MoveError, MoveReport, MoveSettings, execute, recover};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::trap::Trap;
use crate::kit::bench::{id, silent};
use crate::kit::crowd::{Crowd, Pace, assert_no_leftovers, layout};
use crate::kit::processes::Process;
use crate::kit::proxy::{Direction, Mode, Proxy};
use crate::kit::servers::{DATABASE, Flavor, Server, wait_until};

/// What ends, or is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Scaler,
    Router,
    Source,
    Target,
    /// All of these, and the home shard.
    Everything,
    /// The network of one server, for a while.
    Network(End, Mode),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Source,
    Target,
}

impl Victim {
    const KILLED: [Victim; 5] = [Victim::Scaler, Victim::Router, Victim::Source, Victim::Target, Victim::Everything];
    const CUT: [Victim; 6] = [
        Victim::Network(End::Source, Mode::Stall(Direction::ToServer)),
        Victim::Network(End::Source, Mode::Stall(Direction::ToClient)),
        Victim::Network(End::Source, Mode::Reset),
        Victim::Network(End::Target, Mode::Stall(Direction::ToServer)),
        Victim::Network(End::Target, Mode::Stall(Direction::ToClient)),
        Victim::Network(End::Target, Mode::Reset),
    ];
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Victim::Network(end, mode) => write!(f, "{end:?}'s network, {mode:?}"),
            killed => write!(f, "{killed:?}"),
        }
    }
}

type Running = JoinHandle<Result<Vec<MoveReport>, MoveError>>;

/// Three shards behind proxies, two routers, a crowd, and a scaler's handle.
struct Scene {
    flavor: Flavor,
    servers: Vec<Server>,
    proxies: Vec<Proxy>,
    routers: Vec<Process>,
    cluster: Cluster,
    crowd: Crowd,
    rng: StdRng,
    confirmation_wait: Duration,
}

/// What the cases of one test came to.
#[derive(Default)]
struct Outcomes {
    cases: u32,
    switched: u32,
    undone: u32,
    longest_recovery: Duration,
}

impl Outcomes {
    fn note(&mut self, struck: Instant, has_switched: bool) {
        self.cases += 1;
        self.switched += u32::from(has_switched);
        self.undone += u32::from(!has_switched);
        self.longest_recovery = self.longest_recovery.max(struck.elapsed());
    }
}

impl Scene {
    async fn start(flavor: Flavor, seed: u64) -> Option<Scene> {
        const SHARDS: usize = 3;
        let _ = tracing_subscriber::fmt().with_test_writer().with_max_level(tracing::Level::ERROR).try_init();
        let servers = Server::start_all(flavor, SHARDS).await?;
        let (mut proxies, mut shards) = (Vec::new(), Vec::new());
        for (index, server) in servers.iter().enumerate() {
            let proxy = Proxy::start(server.address()).await;
            shards.push(Shard { id: id(index), endpoint: server.endpoint_through(&proxy, DATABASE) });
            proxies.push(proxy);
        }
        let topology = Topology::first(shards, slots::plan_even_spread(SHARDS)).unwrap();
        for server in &servers {
            own::topology::catch_up(&mut server.connect().await, &topology).await.unwrap();
        }
        let mut routers = Vec::new();
        for _ in 0..2 {
            routers.push(Process::start(&servers, &layout(), &[]).await);
        }
        let urls: Vec<String> = routers.iter().map(|router| router.url.clone()).collect();
        let direct = (0..).zip(&servers).map(|(index, server)| (id(index), server.endpoint(DATABASE))).collect();
        let crowd = Crowd::start(urls.clone(), direct, seed, Pace { per_second: 150 }).await;
        let cluster = Cluster::new(topology, nudge(urls));
        let (rng, confirmation_wait) = (StdRng::seed_from_u64(seed), Duration::from_millis(5_200));
        Some(Scene { flavor, servers, proxies, routers, cluster, crowd, rng, confirmation_wait })
    }

    fn settings(&self, faults: Faults<Point>) -> MoveSettings {
        MoveSettings {
            confirmation_wait: self.confirmation_wait,
            // How long a machine with other work takes is not what is tested.
            cutover_budget: Duration::from_secs(1),
            cleanup_delay: Duration::from_millis(500),
            chunk_rows: 40,
            faults,
            ..MoveSettings::default()
        }
    }

    /// Half of the slots of one of two shards to the other: from the one that has more. One of the two is the home
    /// shard in every second case.
    fn next_transfer(&mut self) -> Transfer {
        let topology = self.cluster.topology();
        let (one, two) = if self.rng.random_bool(0.5) { (0, 1) } else { (1, 2) };
        let slots_of = |index: usize| topology.owned(&id(index)).len();
        let (source, target) = if slots_of(one) >= slots_of(two) { (one, two) } else { (two, one) };
        let slots: SlotSet = slots::plan_half(&topology.owned(&id(source)));
        Transfer { source: id(source), target: id(target), slots }
    }

    fn index(&self, shard: &ShardId) -> usize {
        (0..self.servers.len()).find(|index| id(*index) == *shard).unwrap()
    }

    fn spawn_move(&self, transfer: &Transfer, faults: Faults<Point>) -> Running {
        let (cluster, settings, transfer) = (self.cluster.clone(), self.settings(faults), transfer.clone());
        tokio::spawn(async move { execute(&cluster, &layout(), &[transfer], &settings, &silent()).await })
    }

    fn spawn_recovery(&self, faults: Faults<Point>) -> Running {
        let (cluster, settings) = (self.cluster.clone(), self.settings(faults));
        tokio::spawn(async move { recover(&cluster, &layout(), &settings, &silent()).await.map(|_| Vec::new()) })
    }

    /// A scaler that knows nothing but what the shards tell.
    fn forget(&mut self) {
        let urls = self.routers.iter().map(|router| router.url.clone()).collect();
        self.cluster = Cluster::new((*self.cluster.topology()).clone(), nudge(urls));
    }

    /// Brings a move to a point and stops it there.
    async fn hold_at(&mut self, point: Point, transfer: &Transfer) -> (Running, Arc<Trap>) {
        // Late enough to be in the middle of it, where it is passed more than once.
        let passage = match point {
            Point::ChunkWritten | Point::ChunkCopied | Point::BatchDeleted => self.rng.random_range(1..=3),
            Point::TableCaptured => self.rng.random_range(1..=2),
            _ => 1,
        };
        if point.is_of_undoing() {
            self.abandon_before_the_switch(transfer).await;
        }
        let (trap, mut reached) = Trap::set(point, passage);
        let mut running = match point.is_of_undoing() {
            true => self.spawn_recovery(trap.faults()),
            false => self.spawn_move(transfer, trap.faults()),
        };
        let held = async {
            tokio::select! {
                _ = reached.recv() => {}
                ended = &mut running => panic!("{} was not passed: {ended:?}", point.as_str()),
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(120), held).await;
        in_time.unwrap_or_else(|_| panic!("{} was not reached in time", point.as_str()));
        (running, trap)
    }

    /// So that a recovery has something to undo.
    async fn abandon_before_the_switch(&mut self, transfer: &Transfer) {
        let points = [Point::Copying, Point::ChunkCopied, Point::CatchingUp, Point::FenceTaken];
        let (trap, mut reached) = Trap::set(points[self.rng.random_range(0..points.len())], 1);
        let running = self.spawn_move(transfer, trap.faults());
        reached.recv().await.unwrap();
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        self.forget();
    }

    /// One line of the crash table.
    async fn case(&mut self, point: Point, victim: Victim, outcomes: &mut Outcomes) {
        self.confirmation_wait = wait_of(victim);
        let transfer = self.next_transfer();
        let what =
            format!("{:?}, {} → {}, {victim} at {}", self.flavor, transfer.source, transfer.target, point.as_str());
        let (running, trap) = self.hold_at(point, &transfer).await;
        let struck = Instant::now();
        let ended = self.strike(victim, &transfer, running, || trap.release()).await;
        self.settle(&what).await;
        let slot = transfer.slots.iter().next().unwrap();
        let has_switched = self.cluster.topology().owned(&transfer.target).contains(slot);
        outcomes.note(struck, has_switched);
        if matches!(victim, Victim::Scaler | Victim::Everything) {
            assert_eq!(
                has_switched,
                point.is_past_return(),
                "{what}: forward behind the point of no return, else back"
            );
        }
        if let Some(Ok(reports)) = &ended
            && !point.is_of_undoing()
        {
            assert!(has_switched && reports.len() == 1, "{what}: {reports:?}");
        }
        self.check(&what).await;
    }

    /// Lets it happen. Returns what became of the move, unless its scaler was what ended.
    async fn strike(
        &mut self,
        victim: Victim,
        transfer: &Transfer,
        mut running: Running,
        release: impl FnOnce(),
    ) -> Option<Result<Vec<MoveReport>, MoveError>> {
        let (source, target) = (self.index(&transfer.source), self.index(&transfer.target));
        match victim {
            Victim::Scaler => {
                running.abort();
                // It may have been at its end.
                let _ = running.await;
                self.forget();
                None
            }
            Victim::Router => {
                self.routers[0].kill();
                release();
                let ended = running.await.unwrap();
                self.routers[0].restart().await;
                Some(ended)
            }
            Victim::Source | Victim::Target => {
                let server = &mut self.servers[if victim == Victim::Source { source } else { target }];
                server.kill();
                server.restart().await;
                release();
                Some(running.await.unwrap())
            }
            Victim::Everything => {
                running.abort();
                self.routers.iter_mut().for_each(Process::kill);
                self.servers.iter_mut().for_each(|server| server.kill());
                let _ = running.await;
                for server in &mut self.servers {
                    server.restart().await;
                }
                for router in &mut self.routers {
                    router.restart().await;
                }
                self.forget();
                None
            }
            Victim::Network(end, mode) => {
                const CUT: Duration = Duration::from_secs(4);
                let proxy = &self.proxies[if end == End::Source { source } else { target }];
                proxy.set(mode);
                release();
                let ended = tokio::time::timeout(CUT, &mut running).await.ok().map(Result::unwrap);
                proxy.set(Mode::Pass);
                match ended {
                    Some(ended) => Some(ended),
                    None => Some(running.await.unwrap()),
                }
            }
        }
    }

    /// What a scaler does until nothing is left, as its service does.
    async fn settle(&self, what: &str) {
        let deadline = Instant::now() + Duration::from_secs(90);
        loop {
            let settings = self.settings(Faults::default());
            match recover(&self.cluster, &layout(), &settings, &silent()).await {
                Ok(_) => return,
                Err(error) => {
                    let error = keyspace::errors::chain(&error);
                    assert!(Instant::now() < deadline, "{what}: not settled: {error}");
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn check(&mut self, what: &str) {
        self.crowd.pause().await;
        let topology = self.cluster.topology();
        let rows = self.crowd.account().verify(&self.servers, &topology).await;
        assert_no_leftovers(&self.servers, &topology).await;
        let violations = self.crowd.tally().violations;
        assert!(violations.is_empty(), "{what}: {violations:#?}");
        self.crowd.resume();
        let before = self.crowd.tally();
        wait_until("the cluster serves", || async {
            let now = self.crowd.tally();
            now.writes > before.writes + 10 && now.reads > before.reads
        })
        .await;
        println!("{what}: {rows} rows are right, {} writes so far", before.writes);
    }

    /// Moves there and back, and something ends at some moment of each.
    async fn soak(&mut self, until: Instant, outcomes: &mut Outcomes) {
        while Instant::now() < until {
            let all: Vec<Victim> = Victim::KILLED.into_iter().chain(Victim::CUT).collect();
            let victim = all[self.rng.random_range(0..all.len())];
            self.confirmation_wait = wait_of(victim);
            let transfer = self.next_transfer();
            let slot = transfer.slots.iter().next().unwrap();
            let running = self.spawn_move(&transfer, Faults::default());
            let moment = Duration::from_millis(self.rng.random_range(0..8_000));
            // Not to wait for anything: to strike at another moment each time.
            tokio::time::sleep(moment).await;
            let what =
                format!("{:?}, {} → {}, {victim} after {moment:?}", self.flavor, transfer.source, transfer.target);
            let struck = Instant::now();
            self.strike(victim, &transfer, running, || ()).await;
            self.settle(&what).await;
            outcomes.note(struck, self.cluster.topology().owned(&transfer.target).contains(slot));
            self.check(&what).await;
        }
    }

    async fn end(self, outcomes: &Outcomes) {
        let tally = self.crowd.stop().await;
        println!(
            "{:?}: {} cases, {} moves switched, {} undone, settled after at most {:.1?}; {tally}",
            self.flavor, outcomes.cases, outcomes.switched, outcomes.undone, outcomes.longest_recovery
        );
        tally.assert_no_violations();
    }
}

/// From an announcement until a switch.
fn wait_of(victim: Victim) -> Duration {
    match victim {
        // A router whose network stands still believes for 5 s what it saw last.
        Victim::Network(..) => Duration::from_millis(5_200),
        // The others are told to look and do so at once.
        Victim::Scaler | Victim::Router | Victim::Source | Victim::Target | Victim::Everything => {
            Duration::from_millis(2_000)
        }
    }
}

/// Tells the routers to look, as the scaler does.
fn nudge(urls: Vec<String>) -> Arc<dyn Fn() + Send + Sync> {
    let http = reqwest::Client::new();
    Arc::new(move || {
        for url in &urls {
            let request = http.post(format!("{url}/topology/refresh")).timeout(Duration::from_secs(2));
            // A router that is gone looks when it is back.
            tokio::spawn(async move { _ = request.send().await });
        }
    })
}

/// How many cases, and from which seed on: by the environment, or as many as the tests of every day take.
fn rounds(default: usize) -> (usize, u64) {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let rounds = number("MOVE_KILLS").map_or(default, |rounds| usize::try_from(rounds).unwrap());
    (rounds, number("MOVE_SEED").unwrap_or(1))
}

/// Every point in turn, each with the next victim.
async fn table(flavor: Flavor, victims: &[Victim], default_cases: usize) {
    let (cases, seed) = rounds(default_cases);
    let Some(mut scene) = Scene::start(flavor, seed).await else { return };
    let mut outcomes = Outcomes::default();
    let first = usize::try_from(seed).unwrap();
    for case in first..first + cases {
        // The points go round, and with each time round the victims shift by one: after as many rounds as there are
        // victims each has met each point.
        let (round, place) = (case / Point::ALL.len(), case % Point::ALL.len());
        scene.case(Point::ALL[place], victims[(place + round) % victims.len()], &mut outcomes).await;
    }
    scene.end(&outcomes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_killed_at_any_step_of_a_move_every_row_is_there_once() {
    table(Flavor::MariaDb, &Victim::KILLED, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_killed_at_any_step_of_a_move_every_row_is_there_once_on_mysql() {
    table(Flavor::MySql, &Victim::KILLED, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_network_is_cut_at_any_step_of_a_move_every_row_is_there_once() {
    table(Flavor::MariaDb, &Victim::CUT, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_network_is_cut_at_any_step_of_a_move_every_row_is_there_once_on_mysql() {
    table(Flavor::MySql, &Victim::CUT, 2).await;
}

/// `MOVE_SOAK_SECONDS` sets for how long.
async fn soak(flavor: Flavor, default_seconds: u64) {
    let seconds = std::env::var("MOVE_SOAK_SECONDS").map_or(default_seconds, |seconds| seconds.parse().unwrap());
    let Some(mut scene) = Scene::start(flavor, rounds(0).1).await else { return };
    let mut outcomes = Outcomes::default();
    scene.soak(Instant::now() + Duration::from_secs(seconds), &mut outcomes).await;
    scene.end(&outcomes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_move_there_and_back_while_things_end_at_any_moment() {
    soak(Flavor::MariaDb, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_move_there_and_back_while_things_end_at_any_moment_on_mysql() {
    soak(Flavor::MySql, 10).await;
}
