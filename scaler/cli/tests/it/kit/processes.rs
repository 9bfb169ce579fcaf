//! Routers as processes of their own, which can be stopped, continued, killed and started again.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use keyspace::schema::Layout;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Map, Value, json};

use crate::kit::servers::{DATABASE, Server, free_port, wait_until};

/// Stops a process as it stands (SIGSTOP); returns when none of its threads runs any more, which takes a while on a
/// busy machine: one thread gets the signal and tells the others.
pub async fn stop(process: Pid) {
    kill(process, Signal::SIGSTOP).unwrap();
    wait_until("the process is stopped", || async { is_stopped(process) }).await;
}

fn is_stopped(process: Pid) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    tasks.flatten().all(|task| {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        // The state follows the name, which is in parentheses.
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
    })
}

/// How a router differs from others.
pub struct Options<'a> {
    /// Variables of its environment.
    pub environment: &'a [(&'a str, &'a str)],
    /// `limits` of its configuration.
    pub limits: Value,
    /// How many it may have.
    pub descriptors: Option<u32>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        // Branches of a router that is killed hold up whoever wants their rows.
        Options { environment: &[], limits: json!({ "in_doubt_timeout_ms": 500 }), descriptors: None }
    }
}

/// A router that is killed when it is dropped.
pub struct Process {
    pub url: String,
    child: Child,
    command: Command,
    _folder: tempfile::TempDir,
}

impl Process {
    /// A router over the servers as shard-1, shard-2 and so on, with variables of its environment; returns when all
    /// shards serve.
    pub async fn start(servers: &[Server], layout: &Layout, environment: &[(&str, &str)]) -> Process {
        Process::with(servers, layout, &Options { environment, ..Options::default() }).await
    }

    pub async fn with(servers: &[Server], layout: &Layout, options: &Options<'_>) -> Process {
        let folder = tempfile::TempDir::new().unwrap();
        let shards: Map<String, Value> = (1..)
            .zip(servers)
            .map(|(number, server)| {
                let endpoint = server.endpoint(DATABASE);
                let (host, port) = endpoint.tcp_address().unwrap();
                let (user, password) = (endpoint.user(), endpoint.password());
                (format!("shard-{number}"), json!(format!("{user}:{password}@tcp({host}:{port})/{DATABASE}")))
            })
            .collect();
        let port = free_port();
        let config = json!({
            "shards": shards,
            "table_shard_keys": layout.shard_keys,
            "reference_tables": layout.reference_tables,
            "router_listen": format!("127.0.0.1:{port}"),
            "limits": options.limits,
        });
        let file = folder.path().join("config.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let program = env!("CARGO_BIN_EXE_sql-autoscaler");
        let mut command = match options.descriptors {
            None => Command::new(program),
            Some(most) => {
                let mut command = Command::new("sh");
                command.args(["-c", &format!("ulimit -n {most}; exec \"$0\" \"$@\""), program]);
                command
            }
        };
        command
            .arg("--config")
            .arg(&file)
            .args(["--log-level", "error", "router"])
            .envs(options.environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let process = Process { url: format!("http://127.0.0.1:{port}"), child, command, _folder: folder };
        process.wait_until_ready().await;
        process
    }

    /// Stops it as it stands (SIGSTOP); returns when none of its threads runs any more. Its sockets stay open, and what
    /// is sent to them is there when it goes on.
    pub async fn pause(&self) {
        stop(self.pid()).await;
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        kill(self.pid(), Signal::SIGCONT).unwrap();
    }

    /// Ends it as a crash would (SIGKILL), stopped or not.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts a process that has ended again, on the same port; returns when all shards serve.
    pub async fn restart(&mut self) {
        assert!(self.has_ended(), "it still runs");
        self.child = self.command.spawn().unwrap();
        self.wait_until_ready().await;
    }

    pub fn address(&self) -> SocketAddr {
        self.url.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// What it takes of the machine's memory.
    pub fn resident_bytes(&self) -> usize {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap();
        let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
        pages * 4096
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// The most memory of its own that it has had so far: without the pages of its program, which are several times as
    /// many as those of an optimised one.
    pub fn peak_kibibytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kibibytes = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        kibibytes("VmHWM:") - kibibytes("RssFile:")
    }

    async fn wait_until_ready(&self) {
        let http = reqwest::Client::new();
        wait_until("the router is ready", || async {
            let ready = http.get(format!("{}/ready", self.url)).send().await;
            match ready {
                Ok(answer) => answer.json::<Value>().await.is_ok_and(|body| body["unavailable_shards"] == json!([])),
                Err(_) => false,
            }
        })
        .await;
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
