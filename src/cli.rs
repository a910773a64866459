//! cli

pub mod check_config;
pub mod sources;
