//! Authentication by a running Livegate over real sockets: client certificates and
//! tokens of every kind, and keys that rotate. The tables of cases print with
//! `cargo test --test auth -- --nocapture`.

#[path = "harness/admin.rs"]
mod admin;
#[path = "auth/algorithms.rs"]
mod algorithms;
#[path = "auth/certificates.rs"]
mod certificates;
#[path = "auth/client_commands.rs"]
mod client_commands;
#[path = "harness/connect_proxy.rs"]
mod connect_proxy;
#[path = "auth/issuer.rs"]
mod issuer;
#[path = "auth/jwks.rs"]
mod jwks;
#[path = "auth/jwks_server.rs"]
mod jwks_server;
#[path = "auth/key_pair.rs"]
mod key_pair;
#[path = "auth/modes.rs"]
mod modes;
#[expect(dead_code, reason = "only the tests of TLS use all of it")]
#[path = "tls/pki.rs"]
mod pki;
#[expect(dead_code, reason = "the tests of reload use more of it")]
#[path = "reload/process.rs"]
mod process;
#[path = "auth/processes.rs"]
mod processes;
#[path = "auth/rolling_update.rs"]
mod rolling_update;
#[path = "auth/stack.rs"]
mod stack;
#[path = "auth/tokens.rs"]
mod tokens;
