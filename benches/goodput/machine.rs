//! The machine and the versions with which the figures were measured.

use std::process::Command;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::fleet::Store;

/// Machine, versions, date and command.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) command: String,
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
    pub(crate) profile: &'static str,
    pub(crate) commit: String,
    pub(crate) redis_server: Option<String>,
    /// Livegate and the libraries of the other arms, as `Cargo.lock` pins them.
    pub(crate) versions: Vec<(&'static str, String)>,
}

impl Machine {
    pub(crate) fn read() -> Self {
        let cpu = file("/proc/cpuinfo");
        let model = cpu
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let args: Vec<String> = std::env::args()
            .skip(1)
            .filter(|arg| arg != "--bench")
            .collect();
        let command = format!("cargo bench --bench goodput -- {}", args.join(" "));
        let now = OffsetDateTime::now_utc().replace_nanosecond(0);
        Self {
            date: now
                .ok()
                .and_then(|now| now.format(&Rfc3339).ok())
                .unwrap_or_default(),
            command: command.trim_end_matches(" -- ").to_owned(),
            cpu: model.map_or("unknown", |(_, model)| model).to_owned(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: file("/proc/sys/kernel/osrelease").trim().to_owned(),
            rustc: output("rustc", &["--version"]),
            profile: if cfg!(debug_assertions) {
                "debug"
            } else {
                "release"
            },
            commit: output("git", &["describe", "--always", "--dirty", "--abbrev=12"]),
            redis_server: Store::version().ok(),
            versions: versions(),
        }
    }
}

fn file(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok()
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

fn versions() -> Vec<(&'static str, String)> {
    let names = [
        "livegate",
        "aws-sdk-rekognition",
        "aws-smithy-runtime",
        "governor",
        "backon",
        "tonic",
    ];
    let locked = include_str!("../../Cargo.lock");
    let version = |name: &str| {
        let (_, entry) = locked.split_once(&format!("\nname = \"{name}\"\nversion = \""))?;
        Some(entry.split_once('"')?.0.to_owned())
    };
    let versions = names.into_iter().map(|name| Some((name, version(name)?)));
    versions.flatten().collect()
}
