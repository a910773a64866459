//! Generates the Rust code of the protobuf contract. `protox` parses it, so that the build
//! needs no `protoc`. Names the commit in the version.

use std::path::PathBuf;
use std::process::Command;

use prost::Message as _;

const CONTRACT: &str = "livegate/v1/session.proto";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile([CONTRACT], ["proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("livegate.v1.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".livegate.v1.Image")
        .codec_path("crate::grpc::single_message::SingleMessageCodec")
        .compile_fds(descriptors)?;

    let (version, commit) = (std::env::var("CARGO_PKG_VERSION")?, commit());
    println!("cargo:rustc-env=BUILD_VERSION={version} (commit {commit})");
    println!("cargo:rustc-env=BUILD_COMMIT={commit}");
    Ok(())
}

/// Returns the commit of the sources: that in the variable `SOURCE_COMMIT`, which builds
/// without a repository set, or that of the repository. It is `unknown` in debug builds too,
/// because each commit would compile the crate again.
fn commit() -> String {
    println!("cargo:rerun-if-env-changed=SOURCE_COMMIT");
    let named = std::env::var("SOURCE_COMMIT").ok();
    let found = named.filter(|name| !name.is_empty()).or_else(|| {
        let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
        is_release.then(commit_of_repository).flatten()
    });
    found.map_or("unknown".into(), |commit| commit.chars().take(12).collect())
}

fn commit_of_repository() -> Option<String> {
    // The reflog changes with each commit and checkout.
    let reflog = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo:rerun-if-changed={reflog}");
    git(&["rev-parse", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
