//! The output of the commands, compared with checked-in files.

#![cfg(feature = "simulator")]

#[path = "harness/admin.rs"]
mod admin;
#[path = "cli/calls.rs"]
mod calls;
#[path = "cli/checks.rs"]
mod checks;
#[path = "cli/connections.rs"]
mod connections;
#[path = "cli/demo.rs"]
mod demo;
#[path = "cli/devices.rs"]
mod devices;
#[path = "cli/golden.rs"]
mod golden;
#[path = "cli/hostile.rs"]
mod hostile;
#[expect(dead_code, reason = "only the tests of TLS use all of it")]
#[path = "tls/pki.rs"]
mod pki;
#[path = "cli/servers.rs"]
mod servers;
#[path = "cli/starts.rs"]
mod starts;
#[path = "cli/status.rs"]
mod status;
