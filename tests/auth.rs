//! Who calls, as a running Livegate finds it out over real sockets: certificates and
//! tokens of every kind, and keys that change. The tables print:
//! `cargo test --test auth -- --nocapture`.

#[path = "harness/admin.rs"]
mod admin;
#[path = "auth/algorithms.rs"]
mod algorithms;
#[path = "auth/certificates.rs"]
mod certificates;
#[path = "auth/command.rs"]
mod command;
#[path = "auth/issuer.rs"]
mod issuer;
#[path = "auth/key_server.rs"]
mod key_server;
#[path = "auth/keys.rs"]
mod keys;
#[path = "auth/modes.rs"]
mod modes;
#[path = "auth/pair.rs"]
mod pair;
#[path = "tls/pki.rs"]
mod pki;
#[path = "auth/stack.rs"]
mod stack;
#[path = "auth/tokens.rs"]
mod tokens;
