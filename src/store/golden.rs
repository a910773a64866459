//! Golden hashes: the exact keys and fields that a release wrote, in `tests/compat`.
//!
//! Every later release must read them, unless it changes the version of their format. A new
//! format has a new file, which `UPDATE_GOLDEN=1` writes:
//!
//! ```sh
//! UPDATE_GOLDEN=1 cargo test --lib golden -- --ignored
//! ```
//!
//! An existing file is never written: with other content, it would hide that a release
//! cannot read what the one before wrote.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::test_server::RedisServer;

/// A hash of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GoldenHash {
    /// What it is an example of.
    pub(crate) state: String,
    pub(crate) key: String,
    pub(crate) fields: BTreeMap<String, String>,
}

impl GoldenHash {
    /// Returns the field `name`, or `""`, as the scripts do.
    pub(crate) fn field(&self, name: &str) -> String {
        self.fields.get(name).cloned().unwrap_or_default()
    }

    fn layout(&self) -> (&str, &str, Vec<&String>) {
        (&self.state, &self.key, self.fields.keys().collect())
    }
}

/// Returns the hashes of a file.
pub(crate) fn read(file: &str) -> Vec<GoldenHash> {
    let text = std::fs::read_to_string(path(file)).expect("the file of this format version");
    serde_json::from_str(&text).expect("a list of hashes")
}

/// Checks that `written`, of this build, has the keys and fields of the file, so that the
/// release before can read it after a rollback. Writes the file if there is none.
pub(crate) fn compare(file: &str, written: &[GoldenHash]) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() && !path(file).exists() {
        let text = serde_json::to_string_pretty(written).expect("only text");
        std::fs::write(path(file), text + "\n").expect("the directory exists");
    }
    let golden = read(file);
    let layouts = |hashes: &[GoldenHash]| {
        format!(
            "{:#?}",
            hashes.iter().map(GoldenHash::layout).collect::<Vec<_>>()
        )
    };
    assert_eq!(
        layouts(written),
        layouts(&golden),
        "a new layout needs a new version"
    );
}

impl RedisServer {
    /// Returns the hash at `key`.
    pub(crate) async fn hash(&self, state: &str, key: &str) -> GoldenHash {
        let printed = self.command(&["HGETALL", key]).await;
        let lines: Vec<String> = printed.lines().map(str::to_owned).collect();
        let fields = lines
            .chunks_exact(2)
            .map(|pair| (pair[0].clone(), pair[1].clone()));
        GoldenHash {
            state: state.to_owned(),
            key: key.to_owned(),
            fields: fields.collect(),
        }
    }

    /// Stores `hash` instead of the value at its key.
    pub(crate) async fn load(&self, hash: &GoldenHash) {
        self.command(&["DEL", &hash.key]).await;
        let fields = hash.fields.iter();
        let fields = fields.flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        let set: Vec<&str> = ["HSET", &hash.key].into_iter().chain(fields).collect();
        self.command(&set).await;
    }
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/compat")
        .join(file)
}
