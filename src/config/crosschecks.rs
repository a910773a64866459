//! Settings that are right alone and wrong together.
//!
//! An example: `endpoint_url = "http://127.0.0.1:9900"` on line 3 and
//! `use_fips = true` on line 4 make one error, told at line 3 with line 4
//! beside it.

use std::net::SocketAddr;

use super::Config;
use super::reader::Reader;
use crate::auth::{AuthMode, AuthSettings};

/// Notes every clash in `config`.
pub(super) fn check(config: &Config, reader: &mut Reader) {
    endpoint(config, reader);
    if !is_local(config) {
        beyond_loopback(config, reader);
    }
    client_certificates(config, reader);
    if exposes_results(config) {
        let keys = [
            "grpc.listen",
            "results.enabled",
            "results.allow_unauthenticated",
        ];
        let problem = "results hold face images: listen on a loopback address, or say \
            allow_unauthenticated = true where something in front knows the callers; or let \
            auth.mode be mtls, jwt or mtls+jwt";
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

/// Who is reached from other machines encrypts, and knows who calls.
fn beyond_loopback(config: &Config, reader: &mut Reader) {
    if config.grpc.tls.is_none() && !config.grpc.allow_plaintext {
        let keys = [
            "grpc.listen",
            "grpc.tls.certificate",
            "grpc.allow_plaintext",
        ];
        let problem = "calls would cross the network as plain text: set certificate and key in \
            [grpc.tls], or allow_plaintext = true where something in front, such as a mesh, \
            encrypts them";
        reader.clash(&keys, problem);
    }
    if !is_authenticated(&config.auth) && !config.grpc.allow_unauthenticated {
        let keys = [
            "grpc.listen",
            "auth.mode",
            "auth.trusted_proxies",
            "grpc.allow_unauthenticated",
        ];
        let problem = "anybody could call: set auth.mode to mtls, jwt or mtls+jwt, or to \
            trusted-header with the trusted_proxies that may say who calls, or set \
            allow_unauthenticated = true where something in front lets in the right callers only";
        reader.clash(&keys, problem);
    }
}

/// A proxy that is listed has found out who calls. Without a list a header is
/// believed of loopback alone, and nobody from elsewhere could call at all; with a
/// list of everyone, anybody says who it is.
fn is_authenticated(auth: &AuthSettings) -> bool {
    let trusted = &auth.trusted_proxies;
    let is_everyone = trusted.iter().any(|network| network.prefix_len() == 0);
    let by_proxy = auth.mode == AuthMode::TrustedHeader && !trusted.is_empty() && !is_everyone;
    auth.mode.is_authenticated() || by_proxy
}

fn client_certificates(config: &Config, reader: &mut Reader) {
    let tls = config.grpc.tls.as_ref();
    let asked_for = tls.is_some_and(|tls| tls.client_ca.is_some());
    if config.auth.mode.requires_certificate() && !asked_for {
        let problem = "nobody is asked for a certificate: set client_ca, certificate and key in \
            [grpc.tls]";
        reader.clash(&["auth.mode", "grpc.tls.client_ca"], problem);
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
    let results = &config.results;
    let is_known = results.allow_unauthenticated || config.auth.mode.is_authenticated();
    results.enabled && !is_known && !is_local(config)
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
