//! What a server process uses.

use std::path::Path;
use std::thread;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::{Limits, Usage, disk, files};

/// Reads from the system, which takes some milliseconds for a data folder of many files.
pub(super) fn measure(pid: Option<u32>, limits: Limits, data: &Path) -> Usage {
    let mut system = System::new();
    system.refresh_memory();
    if let Some(pid) = pid {
        system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&[Pid::from_u32(pid)]),
            true,
            ProcessRefreshKind::nothing().with_cpu().with_memory(),
        );
    }
    let room = disk::free_space(data);
    let process = pid.and_then(|pid| system.process(Pid::from_u32(pid)));
    Usage {
        cpu_seconds: process.map(|process| process.accumulated_cpu_time() as f64 / 1000.0),
        resident_memory_bytes: process.map(sysinfo::Process::memory),
        cpu_limit_cores: limits.cpu_cores.or_else(machine_cores),
        memory_limit_bytes: Some(limits.memory_bytes.unwrap_or_else(|| machine_memory(&system))),
        disk_used_bytes: Some(files::disk_usage_bytes(data)),
        disk_capacity_bytes: room.map(|room| room.capacity_bytes),
        disk_available_bytes: room.map(|room| room.available_bytes),
    }
}

/// As many as this process may use, which a container's quota lowers.
fn machine_cores() -> Option<f64> {
    let cores = u32::try_from(thread::available_parallelism().ok()?.get()).ok()?;
    Some(f64::from(cores))
}

fn machine_memory(system: &System) -> u64 {
    let of_machine = system.total_memory();
    match system.cgroup_limits() {
        Some(limits) if limits.total_memory > 0 => limits.total_memory.min(of_machine),
        _ => of_machine,
    }
}
