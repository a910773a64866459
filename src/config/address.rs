//! An address to listen on.
//!
//! An example: `"[::]:50051"` is one, `"localhost:50051"` is not: names are not
//! looked up.

use std::net::SocketAddr;

use super::key_path::quote;
use super::kind::Kind;
use super::layers::RawValue;

/// An IP address and a port.
pub(super) struct Address;

impl Kind for Address {
    type Value = SocketAddr;

    fn read(&self, raw: &RawValue) -> Option<SocketAddr> {
        raw.text()?.parse().ok()
    }

    fn expected(&self, _: &RawValue) -> String {
        "an IP address and a port, as in \"127.0.0.1:50051\" or \"[::]:50051\"".to_owned()
    }

    fn write(&self, value: &SocketAddr) -> String {
        quote(&value.to_string())
    }
}
