//! Which process is which, told so that a reused pid is never mistaken for ours.

use std::fs;
use std::path::Path;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// One process of this machine's past or present. Linux reuses pids, but not together with the
/// moment of the start, in ticks since a boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) pid: u32,
    start_ticks: u64,
    boot_id: String,
}

impl Identity {
    /// The process that has this pid now, also as a zombie.
    pub(super) fn of(pid: u32) -> Option<Self> {
        Some(Self { pid, start_ticks: Stat::read(pid)?.start_ticks, boot_id: boot_id()? })
    }

    /// Whether this very process still runs. A zombie does not: it only waits to be reaped.
    pub(super) fn is_running(&self) -> bool {
        boot_id().as_ref() == Some(&self.boot_id)
            && Stat::read(self.pid).is_some_and(|stat| stat.start_ticks == self.start_ticks && !stat.is_dead)
    }

    /// Whether these arguments are all in its command line, in this order. A script that becomes
    /// the program may have put more between them. A process that is exiting has no command line
    /// any more and is given the benefit of the doubt.
    pub(super) fn was_started_with(&self, args: &[String]) -> bool {
        command_line(self.pid).is_some_and(|line| line.is_empty() || is_within(args, &line))
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(pid) = self.checked_pid() {
            // It may have ended in this moment, which is what a signal is for.
            let _ = signal::kill(pid, signal);
        }
    }

    /// Signals the whole process group, of which our programs are the leaders.
    pub(super) fn signal_group(&self, signal: Signal) {
        if let Some(pid) = self.checked_pid() {
            let _ = signal::killpg(pid, signal);
        }
    }

    /// The pid only while it is still this process, and never 0 or 1, which mean others.
    fn checked_pid(&self) -> Option<Pid> {
        let pid = i32::try_from(self.pid).ok().filter(|pid| *pid > 1)?;
        self.is_running().then(|| Pid::from_raw(pid))
    }
}

/// The running process that carries `marker` in its environment and was started with `args`.
pub(super) fn find_by_marker(marker: &str, args: &[String]) -> Option<Identity> {
    let pids = fs::read_dir("/proc").ok()?;
    pids.flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| has_in_environment(*pid, marker))
        .filter_map(Identity::of)
        .find(|process| process.is_running() && process.was_started_with(args))
}

fn is_within(args: &[String], line: &[String]) -> bool {
    let mut rest = line.iter();
    args.iter().all(|arg| rest.any(|other| other == arg))
}

fn has_in_environment(pid: u32, variable: &str) -> bool {
    // Another user's environment cannot be read, and is not ours.
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|block| block.split(|b| *b == 0).any(|v| v == variable.as_bytes()))
}

fn command_line(pid: u32) -> Option<Vec<String>> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let args = line.split_inclusive(|b| *b == 0);
    Some(args.map(|arg| String::from_utf8_lossy(arg.strip_suffix(&[0]).unwrap_or(arg)).into_owned()).collect())
}

fn boot_id() -> Option<String> {
    let text = fs::read_to_string(Path::new("/proc/sys/kernel/random/boot_id")).ok()?;
    Some(text.trim().to_owned())
}

struct Stat {
    is_dead: bool,
    start_ticks: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// See proc_pid_stat(5). The program's name comes second, in brackets, and may hold anything.
    fn parse(line: &str) -> Option<Self> {
        let mut after_name = line.rsplit_once(')')?.1.split_ascii_whitespace();
        // Fields 3, 20 and 22 of the line.
        let state = after_name.next()?;
        let threads: u32 = after_name.nth(16)?.parse().ok()?;
        let start_ticks = after_name.nth(1)?.parse().ok()?;
        Some(Self {
            // The first thread is a zombie already while others still hold files and ports.
            is_dead: matches!(state, "Z" | "X" | "x") && threads <= 1,
            start_ticks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let line = "7 (a) Z (b c) S 1 7 7 0 -1 4194304 1 0 0 0 5 6 0 0 20 0 1 0 4711 1 2";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(stat.start_ticks, 4711);
        assert!(!stat.is_dead);
        assert!(Stat::parse(&line.replace(") S", ") Z")).unwrap().is_dead);
        let exiting = line.replace(") S", ") Z").replace("20 0 1 0", "20 0 7 0");
        assert!(!Stat::parse(&exiting).unwrap().is_dead);
        assert!(Stat::parse("7 (a) S 1").is_none());
    }

    #[test]
    fn a_process_with_our_pid_and_another_start_is_not_ours() {
        let me = Identity::of(std::process::id()).unwrap();
        assert!(me.is_running());
        let earlier = Identity { start_ticks: me.start_ticks - 1, ..me.clone() };
        assert!(!earlier.is_running());
        let other_boot = Identity { boot_id: "x".into(), ..me };
        assert!(!other_boot.is_running());
    }

    #[test]
    fn the_command_line_must_have_all_arguments_in_order() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let line = words("ld.so mysqld --no-defaults --basedir=/x --datadir=/a --port=1");
        assert!(is_within(&words("--no-defaults --datadir=/a --port=1"), &line));
        assert!(!is_within(&words("--no-defaults --datadir=/b --port=1"), &line));
        assert!(!is_within(&words("--port=1 --datadir=/a"), &line));

        let me = Identity::of(std::process::id()).unwrap();
        let args: Vec<String> = std::env::args().skip(1).collect();
        assert!(me.was_started_with(&args));
        assert!(!me.was_started_with(&["--datadir=/elsewhere".to_owned()]));
    }
}
