//! Reading what was measured.

use std::time::Duration;

use crate::Outcome;

pub fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    times.get(((times.len().saturating_sub(1)) as f64 * share).round() as usize).copied().unwrap_or_default()
}

pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// User and system time of a process; the kernel counts in hundredths of a second.
pub fn cpu_seconds(pid: u32) -> Outcome<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks / 100.0)
}

pub fn resident_megabytes(pid: u32) -> Outcome<f64> {
    megabytes(&pid.to_string(), "VmRSS:")
}

/// Forgets how much memory this process has taken at most, for [`peak_megabytes`].
pub fn reset_peak() -> Outcome<()> {
    Ok(std::fs::write("/proc/self/clear_refs", "5")?)
}

/// The most resident memory of this process since [`reset_peak`].
pub fn peak_megabytes() -> Outcome<f64> {
    megabytes("self", "VmHWM:")
}

fn megabytes(pid: &str, label: &str) -> Outcome<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with(label)).ok_or("no such line of the status")?;
    Ok(line.split_whitespace().nth(1).ok_or("no figure")?.parse::<f64>()? / 1024.0)
}

/// The middle one of the figures.
pub fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
