//! `[auth]` and `[auth.jwt]`: how callers are authenticated.
//!
//! The modes `jwt` and `mtls+jwt` require an issuer, an audience and exactly one of
//! `jwks_file` and `jwks_url`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use url::Host;

use super::kind::{Kind, time};
use super::list::list;
use super::reader::Reader;
use super::section::Section;
use super::sections::seconds;
use super::text::{checked, choice, file, graphic_ascii, name, parse_url};
use crate::auth::{AuthMode, AuthSettings, JwksSource, JwtSettings, TokenAlgorithm};

const MODES: [(&str, AuthMode); 5] = [
    ("none", AuthMode::None),
    ("trusted-header", AuthMode::TrustedHeader),
    ("mtls", AuthMode::Mtls),
    ("jwt", AuthMode::Jwt),
    ("mtls+jwt", AuthMode::MtlsJwt),
];

fn networks() -> Kind<'static, Vec<IpNet>> {
    let expected = "an IP address or a CIDR network, as in \"10.0.0.7\" or \"10.0.0.0/8\"";
    list(
        "networks",
        1..=64,
        name(expected, network, IpNet::to_string),
    )
}

fn algorithms() -> Kind<'static, Vec<TokenAlgorithm>> {
    let expected = "one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA";
    let format = |algorithm: &TokenAlgorithm| algorithm.name().to_owned();
    list(
        "algorithms",
        1..=9,
        name(expected, TokenAlgorithm::named, format),
    )
}

fn jwks_url() -> Kind<'static, String> {
    let expected = "an https URL without user and fragment, or an http URL on loopback, as in \
        \"https://kubernetes.default.svc/openid/v1/jwks\"";
    checked(expected, is_jwks_url)
}

/// Reads both sections.
pub(super) fn auth(reader: &mut Reader) -> AuthSettings {
    let auth = &mut Section::of(reader, "auth");
    let mode = auth.read("mode", AuthMode::None, &choice(&MODES));
    let trusted_proxies = auth.optional("trusted_proxies", &networks());
    AuthSettings {
        mode,
        trusted_proxies: trusted_proxies.unwrap_or_default(),
        jwt: jwt(reader, mode),
    }
}

/// Returns the token settings, if the section is complete.
fn jwt(reader: &mut Reader, mode: AuthMode) -> Option<JwtSettings> {
    let section = &mut Section::of(reader, "auth.jwt");
    let issuer = section.optional("issuer", &graphic_ascii());
    let audience = section.optional("audience", &graphic_ascii());
    let jwks_file = section.optional("jwks_file", &file());
    let jwks_url = section.optional("jwks_url", &jwks_url());
    let url_files = ["jwks_ca_file", "jwks_token_file"].map(|name| section.optional(name, &file()));
    let default = vec![TokenAlgorithm::Rs256];
    let algorithms = section.read("algorithms", default, &algorithms());
    let leeway = section.read("leeway", seconds(30), &time(Duration::ZERO..=seconds(300)));
    let day = seconds(24 * 60 * 60);
    let refresh_interval = section.read("refresh_interval", seconds(600), &time(seconds(10)..=day));
    if jwks_file.is_some() && jwks_url.is_some() {
        let problem = "set only one of jwks_file and jwks_url";
        reader.conflict("auth.jwt.jwks_file auth.jwt.jwks_url", problem);
        return None;
    }
    let source = jwks_source(reader, jwks_file, jwks_url, url_files);
    let (Some(issuer), Some(audience), Some(source)) = (issuer, audience, source) else {
        if mode.requires_token() {
            let keys = "auth.mode auth.jwt.issuer auth.jwt.audience auth.jwt.jwks_file \
                auth.jwt.jwks_url";
            let problem = "this auth.mode requires issuer, audience, and jwks_file or jwks_url \
                in [auth.jwt]";
            reader.conflict(keys, problem);
        }
        return None;
    };
    Some(JwtSettings {
        issuer,
        audience,
        source,
        algorithms,
        leeway,
        refresh_interval,
    })
}

fn jwks_source(
    reader: &mut Reader,
    file: Option<PathBuf>,
    url: Option<String>,
    [ca_file, token_file]: [Option<PathBuf>; 2],
) -> Option<JwksSource> {
    if url.is_none() && (ca_file.is_some() || token_file.is_some()) {
        let keys = "auth.jwt.jwks_url auth.jwt.jwks_ca_file auth.jwt.jwks_token_file";
        let problem = "jwks_ca_file and jwks_token_file require jwks_url";
        reader.conflict(keys, problem);
    }
    let url = url.and_then(|url| url.parse().ok());
    let url = url.map(|url| JwksSource::Url {
        url,
        ca_file,
        token_file,
    });
    file.map(JwksSource::File).or(url)
}

/// Parses an IP address or a CIDR network. An address becomes a network of one host,
/// and an IPv4-mapped IPv6 address becomes IPv4; an IPv4-mapped network is rejected.
/// So is a network with host bits set, such as `10.0.0.7/8`: it covers more than it
/// seems to.
fn network(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(IpNet::from(address.to_canonical()));
    }
    let network = text.parse::<IpNet>().ok()?;
    let is_mapped = network.addr().to_canonical() != network.addr();
    (network == network.trunc() && !is_mapped).then_some(network)
}

fn is_jwks_url(text: &str) -> bool {
    parse_url(text).is_some_and(|url| {
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        // The fetched keys are trusted, so the connection must protect their integrity.
        url.scheme() == "https" || (url.scheme() == "http" && is_loopback)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jwks_url_is_https_or_on_loopback() {
        for valid in [
            "https://kubernetes.default.svc/openid/v1/jwks",
            "https://idp.example:8443/keys?tenant=7",
            "http://127.0.0.1:9/jwks",
            "http://[::1]:9/jwks",
            "http://localhost/jwks",
        ] {
            assert!(is_jwks_url(valid), "{valid}");
        }
        for invalid in [
            "",
            "/jwks",
            "http://10.0.0.1/jwks",
            "http://localhost.example/jwks",
            "https://",
            "https://h:99999/",
            "https://me:word@h/",
            "https://h/#f",
            "ftp://127.0.0.1/",
        ] {
            assert!(!is_jwks_url(invalid), "{invalid}");
        }
    }

    #[test]
    fn an_address_is_a_network_of_one_host() {
        let written = |text| network(text).map(|network| network.to_string());
        assert_eq!(written("10.0.0.7").as_deref(), Some("10.0.0.7/32"));
        assert_eq!(written("::ffff:10.0.0.7").as_deref(), Some("10.0.0.7/32"));
        assert_eq!(written("fd00::/8").as_deref(), Some("fd00::/8"));
        for invalid in [
            "",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.7/8",
            "::ffff:10.0.0.0/104",
            "host",
            "10.0.0.1:80",
        ] {
            assert_eq!(written(invalid), None, "{invalid}");
        }
    }
}
