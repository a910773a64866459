//! The settings of `[grpc]` and `[grpc.tls]`.

use std::path::PathBuf;
use std::time::Duration;

use super::paths::FILE;
use super::reader::Reader;
use super::section::Section;
use super::sections::{loopback, millis, seconds, section};
use crate::grpc::GrpcSettings;
use crate::transport::{TlsSettings, TransportLimits};

/// Reads both sections.
pub(super) fn grpc(reader: &mut Reader) -> GrpcSettings {
    let grpc = &mut section(reader, "grpc");
    let settings = GrpcSettings {
        listen: grpc.address("listen", loopback(50051)),
        allow_plaintext: grpc.flag("allow_plaintext", false),
        allow_unauthenticated: grpc.flag("allow_unauthenticated", false),
        default_deadline: grpc.time("default_deadline", seconds(15), millis(10)..=seconds(300)),
        limits: limits(grpc),
        tls: None,
    };
    let tls = tls(reader);
    GrpcSettings { tls, ..settings }
}

fn limits(section: &mut Section<'_>) -> TransportLimits {
    let mut limits = TransportLimits::default();
    let counts = [
        ("max_connections", &mut limits.max_connections, 1_000_000),
        (
            "max_connections_per_peer",
            &mut limits.max_connections_per_peer,
            1_000_000,
        ),
        (
            "max_concurrent_streams",
            &mut limits.max_concurrent_streams,
            100_000,
        ),
        (
            "max_concurrent_requests",
            &mut limits.max_concurrent_requests,
            1_000_000,
        ),
    ];
    for (name, count, high) in counts {
        *count = section.count(name, *count, high);
    }
    timeouts(section, &mut limits);
    limits
}

fn timeouts(section: &mut Section<'_>, limits: &mut TransportLimits) {
    let timeouts = [
        ("handshake_timeout", &mut limits.handshake_timeout),
        ("first_request_timeout", &mut limits.first_request_timeout),
        ("request_body_timeout", &mut limits.request_body_timeout),
        ("response_write_timeout", &mut limits.response_write_timeout),
        ("keepalive_interval", &mut limits.keepalive_interval),
        ("keepalive_timeout", &mut limits.keepalive_timeout),
    ];
    for (name, timeout) in timeouts {
        *timeout = section.time(name, *timeout, millis(100)..=seconds(600));
    }
    let (age, grace) = (limits.max_connection_age, limits.max_connection_age_grace);
    let week = seconds(7 * 24 * 60 * 60);
    limits.max_connection_age = section.time("max_connection_age", age, seconds(1)..=week);
    let hour = seconds(60 * 60);
    limits.max_connection_age_grace =
        section.time("max_connection_age_grace", grace, Duration::ZERO..=hour);
}

/// Returns the TLS files, if both certificate and key are set.
fn tls(reader: &mut Reader) -> Option<TlsSettings> {
    let tls = &mut section(reader, "grpc.tls");
    let mut file = |name| tls.optional_text(name, &FILE).map(PathBuf::from);
    let files = (file("certificate"), file("key"), file("client_ca"));
    if let (Some(certificate), Some(key), client_ca) = files {
        return Some(TlsSettings {
            certificate,
            key,
            client_ca,
        });
    }
    if files != (None, None, None) {
        let keys = ["grpc.tls.certificate", "grpc.tls.key", "grpc.tls.client_ca"];
        reader.conflict(
            &keys,
            "certificate and key must be set together, and client_ca requires both",
        );
    }
    None
}
