//! The figures that the README names: what the router costs, and what moves cost those who use the rows meanwhile.
//!
//! `make bench` runs them; `-- NAME…` behind `cargo bench` chooses some. Each figure compares two things in one run,
//! in alternating rounds: machines are noisy.

mod copy;
mod cutovers;
mod http;
mod measure;
mod memory;
mod million;
mod overhead;
mod pair;
mod servers;
mod throughput;
mod transactions;

use std::io::Write;
use std::path::Path;

use servers::Servers;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Figure {
    Overhead,
    Cutovers,
    Transactions,
    Memory,
    Copy,
    Throughput,
    Million,
}

impl Figure {
    const ALL: [(&'static str, Figure); 7] = [
        ("overhead", Figure::Overhead),
        ("cutovers", Figure::Cutovers),
        ("transactions", Figure::Transactions),
        ("memory", Figure::Memory),
        ("copy", Figure::Copy),
        ("throughput", Figure::Throughput),
        ("million", Figure::Million),
    ];
}

fn main() -> Outcome<()> {
    let mut figures = Vec::new();
    // Cargo adds `--bench`.
    for name in std::env::args().skip(1).filter(|argument| !argument.starts_with("--")) {
        let known = Figure::ALL.into_iter().find(|(known, _)| *known == name);
        figures.push(known.ok_or_else(|| format!("no figure is called `{name}`"))?.1);
    }
    if figures.is_empty() {
        figures.extend(Figure::ALL.map(|(_, figure)| figure));
    }
    // Spawned, as everything is that services do: a runtime wakes its first task more slowly.
    tokio::runtime::Runtime::new()?.block_on(async { tokio::spawn(measure_all(figures)).await? })
}

async fn measure_all(figures: Vec<Figure>) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    for figure in figures {
        let servers = Servers::new(folder.path())?;
        let measured = measure(figure, &servers, folder.path()).await;
        servers.stop().await;
        measured?;
    }
    Ok(())
}

async fn measure(figure: Figure, servers: &Servers, folder: &Path) -> Outcome<()> {
    match figure {
        Figure::Overhead => overhead::overhead(servers, folder).await,
        Figure::Cutovers => cutovers::cutovers(servers).await,
        Figure::Transactions => transactions::across_shards(servers).await,
        Figure::Memory => memory::memory(folder).await,
        Figure::Copy => copy::copy(servers).await,
        Figure::Throughput => throughput::throughput(servers).await,
        Figure::Million => million::million(servers).await,
    }
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
