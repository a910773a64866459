//! An address to listen on: an IP address and a port, as in `"[::]:50051"`. Host
//! names are not resolved, so `"localhost:50051"` is rejected.

use std::net::SocketAddr;

use super::key_path::quote;
use super::kind::Kind;
use super::layers::RawValue;

/// An IP address and a port.
pub(super) struct ListenAddress;

impl Kind for ListenAddress {
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
