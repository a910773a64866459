//! The crate as it stands keeps the rules.

use std::process::Command;

use super::rooms;
use super::source::Source;

#[test]
fn nobody_touches_whom_they_may_not() {
    let sources = Source::all();
    assert!(sources.len() > 50, "the source was found");
    let broken: Vec<_> = sources.iter().flat_map(rooms::broken).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn every_file_is_short_and_says_what_it_is_for() {
    let sources = Source::all();
    let broken: Vec<_> = sources.iter().flat_map(Source::malformed).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn one_version_of_each_large_library_is_locked() {
    let locked = include_str!("../../Cargo.lock");
    for name in ["rustls", "hyper", "tonic", "h2", "http"] {
        let versions = locked.matches(&format!("\nname = \"{name}\"\n")).count();
        assert_eq!(versions, 1, "Cargo.lock: one version of {name}");
    }
}

#[test]
fn one_kind_of_cryptography_is_built() {
    let built = built();
    let is_built = |name: &str| {
        built
            .lines()
            .any(|line| line.split(' ').next() == Some(name))
    };
    assert!(is_built("aws-lc-rs"), "{built}");
    for name in ["ring", "openssl", "openssl-sys", "native-tls"] {
        assert!(!is_built(name), "{name} is built: cargo tree -i {name}");
    }
}

/// The crates that go into the program: the lock file also names what no feature
/// turns on, such as `ring` for rustls.
fn built() -> String {
    let tree = [
        "tree",
        "--offline",
        "--locked",
        "--edges=normal,build",
        "--prefix=none",
    ];
    let asked = Command::new(env!("CARGO"))
        .args(tree)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let output = asked.expect("cargo runs");
    let failure = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{failure}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
