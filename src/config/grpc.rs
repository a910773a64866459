//! The settings of `[grpc]` and `[grpc.tls]`.

use std::time::Duration;

use super::kind::{count, time};
use super::reader::Reader;
use super::section::Section;
use super::sections::{loopback, millis, seconds};
use super::text::{address, file};
use crate::grpc::GrpcSettings;
use crate::transport::{TlsSettings, TransportLimits};

/// Reads both sections.
pub(super) fn grpc(reader: &mut Reader) -> GrpcSettings {
    let grpc = &mut Section::of(reader, "grpc");
    let deadline = &time(millis(10)..=seconds(300));
    let settings = GrpcSettings {
        listen: grpc.read("listen", loopback(50051), &address()),
        allow_plaintext: grpc.flag("allow_plaintext", false),
        allow_unauthenticated: grpc.flag("allow_unauthenticated", false),
        default_deadline: grpc.read("default_deadline", seconds(15), deadline),
        limits: limits(grpc),
        tls: None,
    };
    let tls = tls(reader);
    GrpcSettings { tls, ..settings }
}

/// Reads each field from the key of its name, by a kind. The default is the field's.
macro_rules! read_fields {
    ($section:ident, $type:ident { $($field:ident: $kind:expr,)* }) => {{
        let defaults = $type::default();
        $type { $($field: $section.read(stringify!($field), defaults.$field, $kind),)* }
    }};
}

fn limits(section: &mut Section<'_>) -> TransportLimits {
    let timeout = &time(millis(100)..=seconds(600));
    let age = &time(seconds(1)..=seconds(7 * 24 * 60 * 60));
    read_fields!(
        section,
        TransportLimits {
            max_connections: &count(1_000_000),
            max_connections_per_peer: &count(1_000_000),
            max_concurrent_streams: &count(100_000),
            max_concurrent_requests: &count(1_000_000),
            handshake_timeout: timeout,
            first_request_timeout: timeout,
            request_body_timeout: timeout,
            response_write_timeout: timeout,
            keepalive_interval: timeout,
            keepalive_timeout: timeout,
            max_connection_idle: age,
            max_connection_age: age,
            max_connection_age_grace: &time(Duration::ZERO..=seconds(60 * 60)),
        }
    )
}

/// Returns the TLS files, if both certificate and key are set.
fn tls(reader: &mut Reader) -> Option<TlsSettings> {
    let tls = &mut Section::of(reader, "grpc.tls");
    let files = ["certificate", "key", "client_ca"].map(|name| tls.optional(name, &file()));
    match files {
        [Some(certificate), Some(key), client_ca] => Some(TlsSettings {
            certificate,
            key,
            client_ca,
        }),
        [None, None, None] => None,
        _ => {
            let keys = "grpc.tls.certificate grpc.tls.key grpc.tls.client_ca";
            let problem = "certificate and key must be set together, and client_ca requires both";
            reader.conflict(keys, problem);
            None
        }
    }
}
