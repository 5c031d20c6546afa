//! What the process takes, under the names that Prometheus' own clients give it. Read from `/proc`; where there is none, nothing
//! is said.

use std::fs;

/// Ticks of processor time in a second: the same on every Linux that Rust runs on (`USER_HZ`).
const TICKS: f64 = 100.0;

/// Sets all of them.
pub(super) fn look() {
    if let Ok(descriptors) = fs::read_dir("/proc/self/fd") {
        // One of them is that of the listing.
        gauge("process_open_fds", count(descriptors.count().saturating_sub(1)));
    }
    if let Some(most) = fs::read_to_string("/proc/self/limits").ok().as_deref().and_then(most_descriptors) {
        gauge("process_max_fds", most);
    }
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        let kilobytes = |name| field(&status, name).map(|kilobytes| kilobytes * 1_024.0);
        gauge_of("process_resident_memory_bytes", kilobytes("VmRSS:"));
        gauge_of("process_virtual_memory_bytes", kilobytes("VmSize:"));
        gauge_of("process_threads", field(&status, "Threads:"));
    }
    if let Some((taken, begun)) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(times) {
        // A counter of the facade has whole numbers only.
        gauge("process_cpu_seconds_total", taken);
        let booted = fs::read_to_string("/proc/stat").ok().and_then(|stat| field(&stat, "btime"));
        gauge_of("process_start_time_seconds", booted.map(|booted| booted + begun));
    }
}

fn gauge(name: &'static str, value: f64) {
    metrics::gauge!(name).set(value);
}

fn gauge_of(name: &'static str, value: Option<f64>) {
    if let Some(value) = value {
        gauge(name, value);
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// The first number behind `name` where a line begins with that.
fn field(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

fn most_descriptors(limits: &str) -> Option<f64> {
    field(limits, "Max open files")
}

/// Seconds of processor time, and when the process began, in seconds after boot (proc(5), `/proc/pid/stat`).
fn times(stat: &str) -> Option<(f64, f64)> {
    // The name of the program is in parentheses and may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // The first of these is the third of all.
    let ticks = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    Some(((ticks(14)? + ticks(15)?) / TICKS, ticks(22)? / TICKS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_proc_are_read() {
        let stat =
            "7 (a b) c) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 12345 1000000 200 18446744073709551615";
        assert_eq!(times(stat), Some((3.0, 123.45)));
        assert_eq!(times("7 (a"), None);
        let status = "Name:\tportals\nVmSize:\t  2048 kB\nVmRSS:\t  1024 kB\nThreads:\t9\n";
        assert_eq!((field(status, "VmRSS:"), field(status, "Threads:")), (Some(1_024.0), Some(9.0)));
        assert_eq!(
            most_descriptors("Limit  Soft\nMax open files            1024                 4096  files\n"),
            Some(1_024.0)
        );
        assert_eq!(field(status, "VmSwap:"), None);
    }
}
