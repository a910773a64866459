//! Checks the crate's structure from its source: which modules import which, where each
//! library may be used, that type names are unique and that files stay short.
//!
//! The table of modules and their imports is in the documentation of `src/lib.rs`; a new
//! edge is one entry there.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

#[path = "architecture"]
mod architecture {
    pub(crate) mod libraries;
    pub(crate) mod modules;
    pub(crate) mod paths;
    pub(crate) mod source;
    pub(crate) mod tokens;
    pub(crate) mod type_names;

    mod checker;
    mod crate_rules;
}
