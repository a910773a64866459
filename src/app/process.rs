//! What the system says of this process, read at each scrape from `/proc`; where
//! there is none, nothing is told.
//!
//! An example: `/proc/self/stat` has 250 and 50 as the times spent, in hundredths
//! of a second: `process_cpu_seconds_total` is 3.

use std::fmt;
use std::fs::{read_dir, read_to_string};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Linux tells programs times in hundredths of a second, on all that it runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads the process's own numbers when it is asked.
#[derive(Debug)]
pub(super) struct ProcessCollector;

/// The numbers of one moment.
struct Numbers {
    cpu_seconds: f64,
    resident_bytes: i64,
    open_files: i64,
    started_seconds: f64,
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(numbers) = Numbers::read() else {
            return Ok(());
        };
        describe(
            &mut encoder,
            "process_cpu_seconds",
            "Processor time spent; near a whole core a second calls wait for it",
            &ConstCounter::new(numbers.cpu_seconds),
        )?;
        describe(
            &mut encoder,
            "process_resident_memory_bytes",
            "Memory in use; compare with the pod's limit",
            &ConstGauge::new(numbers.resident_bytes),
        )?;
        describe(
            &mut encoder,
            "process_open_fds",
            "Open files and sockets; each connection is one",
            &ConstGauge::new(numbers.open_files),
        )?;
        describe(
            &mut encoder,
            "process_start_time_seconds",
            "When the process started, in seconds since 1970; young again and again: it restarts",
            &ConstGauge::new(numbers.started_seconds),
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

impl Numbers {
    fn read() -> Option<Self> {
        let stat = read_to_string("/proc/self/stat").ok()?;
        let status = read_to_string("/proc/self/status").ok()?;
        let system = read_to_string("/proc/stat").ok()?;
        let open_files = read_dir("/proc/self/fd").ok()?.count();
        let open_files = i64::try_from(open_files).ok()?;
        Self::of(&stat, &status, &system, open_files)
    }

    fn of(stat: &str, status: &str, system: &str, open_files: i64) -> Option<Self> {
        // The program's name is in brackets and may hold anything; after it come
        // the fields from the third on (proc_pid_stat(5)).
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
    fn the_numbers_are_found_whatever_the_program_is_called() {
        let stat = "7 (a) b ( c) S 1 7 7 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 3 0 12345 1 2";
        let status = "Name:\tx\nVmRSS:\t    2048 kB\n";
        let system = "cpu 1 2\nbtime 1700000000\n";
        let numbers = Numbers::of(stat, status, system, 9).unwrap();
        assert!((numbers.cpu_seconds - 3.0).abs() < 1e-9);
        assert_eq!((numbers.resident_bytes, numbers.open_files), (2 << 20, 9));
        assert!((numbers.started_seconds - 1_700_000_123.45).abs() < 1e-3);
        assert!(Numbers::of("", status, system, 9).is_none());
    }
}
