//! Checks across settings: values that are valid alone but not together.
//!
//! For example, `endpoint_url = "http://127.0.0.1:9900"` on line 3 and `use_fips = true`
//! on line 4 give one error, reported at line 3, that names line 4 too.

use std::net::SocketAddr;

use super::Config;
use super::reader::Reader;
use crate::auth::{AuthMode, AuthSettings};

/// Records every conflict between the settings in `config`.
pub(super) fn check(config: &Config, reader: &mut Reader) {
    endpoint(config, reader);
    if !is_local(config) {
        beyond_loopback(config, reader);
    }
    client_certificates(config, reader);
    if exposes_results(config) {
        let keys = "grpc.listen auth.mode results.enabled results.allow_unauthenticated";
        let problem = "results contain face images: listen on a loopback address, set auth.mode \
            to mtls, jwt or mtls+jwt, or set allow_unauthenticated = true if a proxy or mesh in \
            front authenticates the callers";
        reader.conflict(keys, problem);
    }
    token_keys(config, reader);
    if config.retry.base_delay > config.retry.max_delay {
        let keys = "retry.base_delay retry.max_delay";
        reader.conflict(keys, "base_delay must be at most max_delay");
    }
    if config.results.min_poll_interval > config.results.max_poll_interval {
        let keys = "results.min_poll_interval results.max_poll_interval";
        reader.conflict(keys, "min_poll_interval must be at most max_poll_interval");
    }
    if overlap(config.grpc.listen, config.admin.listen) {
        reader.conflict(
            "grpc.listen admin.listen",
            "the listeners must not share an address",
        );
    }
}

/// A listener that other machines reach needs TLS and authentication, unless the
/// operator states that something in front provides them.
fn beyond_loopback(config: &Config, reader: &mut Reader) {
    if config.grpc.tls.is_none() && !config.grpc.allow_plaintext {
        let keys = "grpc.listen grpc.tls.certificate grpc.allow_plaintext";
        let problem = "calls would cross the network in plaintext: set certificate and key in \
            [grpc.tls], or set allow_plaintext = true if a proxy or mesh in front encrypts them";
        reader.conflict(keys, problem);
    }
    if !is_authenticated(&config.auth) && !config.grpc.allow_unauthenticated {
        let keys = "grpc.listen auth.mode auth.trusted_proxies grpc.allow_unauthenticated";
        let problem = "callers would not be authenticated: set auth.mode to mtls, jwt or \
            mtls+jwt, or to trusted-header with trusted_proxies, or set \
            allow_unauthenticated = true if a proxy or mesh in front authenticates them";
        reader.conflict(keys, problem);
    }
}

/// Returns whether callers from other machines are authenticated. In mode
/// `trusted-header` the listed proxies authenticate them. An empty list trusts
/// loopback only, so callers elsewhere cannot authenticate; a list that contains all
/// addresses lets every caller choose its name.
fn is_authenticated(auth: &AuthSettings) -> bool {
    let trusted = &auth.trusted_proxies;
    let trusts_all = trusted.iter().any(|network| network.prefix_len() == 0);
    let by_proxy = auth.mode == AuthMode::TrustedHeader && !trusted.is_empty() && !trusts_all;
    auth.mode.is_authenticated() || by_proxy
}

/// Without files, each replica has a random key, and a store implies several replicas.
fn token_keys(config: &Config, reader: &mut Reader) {
    let results = &config.results;
    let uses_tokens = results.enabled && results.require_token;
    if uses_tokens && results.token_key_files.is_empty() && config.store.url.is_some() {
        let keys = "results.enabled results.token_key_files results.require_token store.url";
        let problem = "the replicas that share a store would refuse each other's result tokens: \
            set token_key_files to the same keys in all of them";
        reader.conflict(keys, problem);
    }
}

fn client_certificates(config: &Config, reader: &mut Reader) {
    let tls = config.grpc.tls.as_ref();
    let verifies_clients = tls.is_some_and(|tls| tls.client_ca.is_some());
    if config.auth.mode.requires_certificate() && !verifies_clients {
        let problem = "this auth.mode requires client certificates: set client_ca, certificate \
            and key in [grpc.tls]";
        reader.conflict("auth.mode grpc.tls.client_ca", problem);
    }
}

/// The SDK derives the FIPS and dual-stack hosts itself, and does not use them if an
/// endpoint URL is set.
fn endpoint(config: &Config, reader: &mut Reader) {
    let upstream = &config.upstream;
    let variants = [
        ("upstream.use_fips", upstream.use_fips),
        ("upstream.use_dual_stack", upstream.use_dual_stack),
    ];
    for (key, used) in variants {
        if used && upstream.endpoint_url.is_some() {
            let problem = "endpoint_url is called unchanged: put the FIPS or dual-stack host \
                into it, or leave it unset";
            reader.conflict(&format!("upstream.endpoint_url {key}"), problem);
        }
    }
}

fn exposes_results(config: &Config) -> bool {
    let results = &config.results;
    let is_permitted = results.allow_unauthenticated || config.auth.mode.is_authenticated();
    results.enabled && !is_permitted && !is_local(config)
}

/// Returns whether only this machine can reach the gRPC port.
fn is_local(config: &Config) -> bool {
    config.grpc.listen.ip().to_canonical().is_loopback()
}

/// Returns whether the addresses cannot both be bound. The system assigns a free
/// port for port 0.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let same_host =
        one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && same_host
}
