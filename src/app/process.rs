//! Process metrics, read from `/proc` at each scrape. Without `/proc` there are none.

use std::fmt;
use std::fs::{read_dir, read_to_string};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::telemetry::lost_log_lines;

/// Linux reports process times in hundredths of a second on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// Collects the metrics of this process, and its lost log lines.
#[derive(Debug)]
pub(super) struct ProcessCollector;

/// One reading.
struct ProcessStats {
    cpu_seconds: f64,
    resident_bytes: i64,
    open_files: i64,
    started_seconds: f64,
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        describe(
            &mut encoder,
            "livegate_log_lines_lost",
            "Log lines that were lost because standard error was not read; check the log collector",
            &ConstCounter::new(lost_log_lines()),
        )?;
        let Some(stats) = ProcessStats::read() else {
            return Ok(());
        };
        describe(
            &mut encoder,
            "process_cpu_seconds",
            "CPU time used. Near one second per second for each core, calls wait for CPU",
            &ConstCounter::new(stats.cpu_seconds),
        )?;
        describe(
            &mut encoder,
            "process_resident_memory_bytes",
            "Resident memory. Compare with the memory limit of the pod",
            &ConstGauge::new(stats.resident_bytes),
        )?;
        describe(
            &mut encoder,
            "process_open_fds",
            "Open file descriptors. Each connection uses one",
            &ConstGauge::new(stats.open_files),
        )?;
        describe(
            &mut encoder,
            "process_start_time_seconds",
            "Start time of the process, in seconds since 1970. Frequent changes mean that it keeps \
             restarting",
            &ConstGauge::new(stats.started_seconds),
        )
    }
}

fn describe(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metric: &impl EncodeMetric,
) -> fmt::Result {
    let described = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
    metric.encode(described)
}

impl ProcessStats {
    fn read() -> Option<Self> {
        let stat = read_to_string("/proc/self/stat").ok()?;
        let status = read_to_string("/proc/self/status").ok()?;
        let system = read_to_string("/proc/stat").ok()?;
        let open_files = read_dir("/proc/self/fd").ok()?.count();
        let open_files = i64::try_from(open_files).ok()?;
        Self::of(&stat, &status, &system, open_files)
    }

    fn of(stat: &str, status: &str, system: &str, open_files: i64) -> Option<Self> {
        // The program's name is in parentheses and may contain any character; the fields
        // from the third on follow it (proc_pid_stat(5)).
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let seconds = |number: usize| {
            let ticks = fields.get(number - 3)?.parse::<f64>().ok()?;
            Some(ticks / TICKS_PER_SECOND)
        };
        let resident = first_number(status, "VmRSS:")?;
        let booted = first_number(system, "btime ")?;
        Some(Self {
            cpu_seconds: seconds(14)? + seconds(15)?,
            resident_bytes: resident * 1024,
            open_files,
            started_seconds: booted as f64 + seconds(22)?,
        })
    }
}

fn first_number(text: &str, key: &str) -> Option<i64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    value.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_after_any_program_name() {
        let stat = "7 (a) b ( c) S 1 7 7 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 3 0 12345 1 2";
        let status = "Name:\tx\nVmRSS:\t    2048 kB\n";
        let system = "cpu 1 2\nbtime 1700000000\n";
        let stats = ProcessStats::of(stat, status, system, 9).unwrap();
        assert!((stats.cpu_seconds - 3.0).abs() < 1e-9);
        assert_eq!((stats.resident_bytes, stats.open_files), (2 << 20, 9));
        assert!((stats.started_seconds - 1_700_000_123.45).abs() < 1e-3);
        assert!(ProcessStats::of("", status, system, 9).is_none());
    }
}
