//! The crate as it stands follows the rules.

use std::process::Command;

use super::libraries;
use super::modules::ModuleTable;
use super::source::Source;
use super::type_names;

#[test]
fn every_module_imports_only_what_the_table_allows() {
    let (table, sources) = (ModuleTable::of_crate(), Source::all());
    assert!(sources.len() > 50, "the source was found");
    let violations: Vec<_> = sources
        .iter()
        .flat_map(|source| table.violations(source))
        .collect();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn the_table_has_no_upward_import_and_no_module_without_files() {
    let table = ModuleTable::of_crate();
    assert_eq!(table.upward_imports(), [""; 0]);
    assert_eq!(table.without_files(&Source::all()), [""; 0]);
}

#[test]
fn every_library_is_used_only_where_it_is_allowed() {
    let violations: Vec<_> = Source::all()
        .iter()
        .flat_map(libraries::violations)
        .collect();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn every_visible_type_name_is_defined_once() {
    let repeated = type_names::repeated(&Source::all());
    assert!(repeated.is_empty(), "\n{}", repeated.join("\n"));
}

#[test]
fn every_file_is_short_and_has_a_module_comment() {
    let sources = [Source::all(), Source::of_other_packages()];
    let violations: Vec<_> = sources
        .iter()
        .flatten()
        .flat_map(Source::layout_violations)
        .collect();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn every_file_is_a_module_of_another_file() {
    let sources = Source::all();
    let is_declared = |source: &Source| {
        let module = source.module();
        let (parent, name) = module.rsplit_once("::").unwrap_or(("lib", &module));
        let declared = format!("mod {name};");
        let mut parents = sources.iter().filter(|one| one.module() == parent);
        parents.any(|one| one.text.lines().any(|line| line.ends_with(&declared)))
    };
    let is_root = |source: &&Source| ["lib", "main"].contains(&source.module().as_str());
    let modules = sources.iter().filter(|source| !is_root(source));
    let unused: Vec<_> = modules.filter(|source| !is_declared(source)).collect();
    let unused: Vec<&str> = unused.iter().map(|source| source.file.as_str()).collect();
    assert!(unused.is_empty(), "files without a module: {unused:?}");
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
fn one_cryptography_library_is_built() {
    let built = built_crates();
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

/// Returns the crates that the program is built from. The lock file is no substitute: it
/// also names crates that no feature enables, such as `ring` for rustls.
fn built_crates() -> String {
    let tree = [
        "tree",
        "--offline",
        "--locked",
        "--edges=normal,build",
        "--prefix=none",
    ];
    let output = Command::new(env!("CARGO"))
        .args(tree)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let output = output.expect("cargo runs");
    let failure = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{failure}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
