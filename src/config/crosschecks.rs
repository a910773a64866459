//! Settings that are right alone and wrong together.
//!
//! An example: `endpoint_url = "http://127.0.0.1:9900"` on line 3 and
//! `use_fips = true` on line 4 make one mistake, told at line 3 with line 4
//! beside it.

use std::net::SocketAddr;

use super::Config;
use super::reader::Reader;

/// Notes every clash in `config`.
pub(super) fn check(config: &Config, reader: &mut Reader) {
    endpoint(config, reader);
    if !is_local(config) && config.grpc.tls.is_none() && !config.grpc.allow_insecure {
        let keys = ["grpc.listen", "grpc.tls.certificate", "grpc.allow_insecure"];
        let problem = "calls would cross the network as plain text: set certificate and key in \
            [grpc.tls], or say allow_insecure = true where something in front, such as a mesh, \
            encrypts them";
        reader.clash(&keys, problem);
    }
    if exposes_results(config) {
        let keys = [
            "grpc.listen",
            "results.enabled",
            "results.allow_unauthenticated",
        ];
        let problem = "results hold face images: listen on a loopback address, or say \
            allow_unauthenticated = true where something in front knows the callers";
        reader.clash(&keys, problem);
    }
    if config.retry.base_delay > config.retry.max_delay {
        let keys = ["retry.base_delay", "retry.max_delay"];
        reader.clash(&keys, "base_delay must be at most max_delay");
    }
    if overlap(config.grpc.listen, config.admin.listen) {
        reader.clash(
            &["grpc.listen", "admin.listen"],
            "two listeners cannot share a port",
        );
    }
}

/// The SDK derives the FIPS and dual-stack hosts itself, and would not use them.
fn endpoint(config: &Config, reader: &mut Reader) {
    let upstream = &config.upstream;
    let variants = [
        ("upstream.use_fips", upstream.use_fips),
        ("upstream.use_dual_stack", upstream.use_dual_stack),
    ];
    for (key, used) in variants {
        if used && upstream.endpoint_url.is_some() {
            let problem = "an endpoint_url is called as it is: name the host you mean there, \
                or leave it unset";
            reader.clash(&["upstream.endpoint_url", key], problem);
        }
    }
}

fn exposes_results(config: &Config) -> bool {
    config.results.enabled && !config.results.allow_unauthenticated && !is_local(config)
}

/// Whether only this machine reaches the gRPC port.
fn is_local(config: &Config) -> bool {
    config.grpc.listen.ip().to_canonical().is_loopback()
}

/// Whether both cannot be bound. Port 0 is a port of the system's choice.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let same_host =
        one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && same_host
}
