//! `[auth]` and `[auth.jwt]`: how callers are authenticated.
//!
//! The modes `jwt` and `mtls+jwt` require an issuer, an audience and exactly one of
//! `jwks_file` and `jwks_url`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use ipnet::IpNet;

use super::kind::ValidatedString;
use super::list::List;
use super::parsed::Parsed;
use super::paths::FILE;
use super::reader::Reader;
use super::section::Section;
use super::sections::{seconds, section};
use crate::auth::{AuthMode, AuthSettings, JwksSource, JwtSettings, TokenAlgorithm};

const MODES: [(&str, AuthMode); 5] = [
    ("none", AuthMode::None),
    ("trusted-header", AuthMode::TrustedHeader),
    ("mtls", AuthMode::Mtls),
    ("jwt", AuthMode::Jwt),
    ("mtls+jwt", AuthMode::MtlsJwt),
];

const NETWORKS: List<Parsed<IpNet>> = List {
    each: Parsed {
        read: network,
        write: ToString::to_string,
        expected: "an IP address or a CIDR network, as in \"10.0.0.7\" or \"10.0.0.0/8\"",
    },
    sizes: 1..=64,
    plural: "networks",
};

const ALGORITHMS: List<Parsed<TokenAlgorithm>> = List {
    each: Parsed {
        read: TokenAlgorithm::named,
        write: |algorithm| algorithm.name().to_owned(),
        expected: "one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA",
    },
    sizes: 1..=9,
    plural: "algorithms",
};

const GRAPHIC_ASCII: ValidatedString = ValidatedString {
    is_valid: is_graphic_ascii,
    expected: "1 to 512 printable ASCII characters without spaces",
};

const URL: ValidatedString = ValidatedString {
    is_valid: is_url,
    expected: "an https URL without user and fragment, or an http URL on loopback, as in \
        \"https://kubernetes.default.svc/openid/v1/jwks\"",
};

/// Reads both sections.
pub(super) fn auth(reader: &mut Reader) -> AuthSettings {
    let auth = &mut section(reader, "auth");
    let mode = auth.choice("mode", AuthMode::None, &MODES);
    let trusted_proxies = auth.optional("trusted_proxies", &NETWORKS);
    let jwt = jwt(reader, mode);
    AuthSettings {
        mode,
        trusted_proxies: trusted_proxies.unwrap_or_default(),
        jwt,
    }
}

/// `[auth.jwt]` as configured.
struct JwtSection {
    issuer: Option<String>,
    audience: Option<String>,
    jwks_file: Option<PathBuf>,
    jwks_url: Option<Uri>,
    jwks_ca_file: Option<PathBuf>,
    jwks_token_file: Option<PathBuf>,
    algorithms: Vec<TokenAlgorithm>,
    leeway: Duration,
    refresh_interval: Duration,
}

/// Returns the token settings, if the section is complete.
fn jwt(reader: &mut Reader, mode: AuthMode) -> Option<JwtSettings> {
    let jwt = jwt_section(&mut section(reader, "auth.jwt"));
    if jwt.jwks_file.is_some() && jwt.jwks_url.is_some() {
        let problem = "set only one of jwks_file and jwks_url";
        reader.conflict(&["auth.jwt.jwks_file", "auth.jwt.jwks_url"], problem);
        return None;
    }
    if jwt.jwks_url.is_none() && (jwt.jwks_ca_file.is_some() || jwt.jwks_token_file.is_some()) {
        let keys = [
            "auth.jwt.jwks_url",
            "auth.jwt.jwks_ca_file",
            "auth.jwt.jwks_token_file",
        ];
        reader.conflict(&keys, "jwks_ca_file and jwks_token_file require jwks_url");
    }
    let settings = jwt_settings(jwt);
    if settings.is_none() && mode.requires_token() {
        let keys = [
            "auth.mode",
            "auth.jwt.issuer",
            "auth.jwt.audience",
            "auth.jwt.jwks_file",
            "auth.jwt.jwks_url",
        ];
        let problem = "this auth.mode requires issuer, audience, and jwks_file or jwks_url in \
            [auth.jwt]";
        reader.conflict(&keys, problem);
    }
    settings
}

fn jwt_section(section: &mut Section<'_>) -> JwtSection {
    JwtSection {
        issuer: section.optional_text("issuer", &GRAPHIC_ASCII),
        audience: section.optional_text("audience", &GRAPHIC_ASCII),
        jwks_file: section.optional_text("jwks_file", &FILE).map(PathBuf::from),
        jwks_url: section
            .optional_text("jwks_url", &URL)
            .and_then(|url| url.parse().ok()),
        jwks_ca_file: section
            .optional_text("jwks_ca_file", &FILE)
            .map(PathBuf::from),
        jwks_token_file: section
            .optional_text("jwks_token_file", &FILE)
            .map(PathBuf::from),
        algorithms: section.read("algorithms", &ALGORITHMS, vec![TokenAlgorithm::Rs256]),
        leeway: section.time("leeway", seconds(30), Duration::ZERO..=seconds(300)),
        refresh_interval: section.time(
            "refresh_interval",
            seconds(600),
            seconds(10)..=seconds(24 * 60 * 60),
        ),
    }
}

fn jwt_settings(jwt: JwtSection) -> Option<JwtSettings> {
    let source = match (jwt.jwks_file, jwt.jwks_url) {
        (Some(file), _) => JwksSource::File(file),
        (None, Some(url)) => JwksSource::Url {
            url,
            ca_file: jwt.jwks_ca_file,
            token_file: jwt.jwks_token_file,
        },
        (None, None) => return None,
    };
    Some(JwtSettings {
        issuer: jwt.issuer?,
        audience: jwt.audience?,
        source,
        algorithms: jwt.algorithms,
        leeway: jwt.leeway,
        refresh_interval: jwt.refresh_interval,
    })
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

fn is_graphic_ascii(text: &str) -> bool {
    (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_url(text: &str) -> bool {
    if !is_graphic_ascii(text) || text.contains(['@', '#']) {
        return false;
    }
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    let Some(authority) = uri.authority() else {
        return false;
    };
    let host = authority.host().trim_matches(['[', ']']);
    let is_loopback =
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback());
    let scheme_allowed = match uri.scheme_str() {
        Some("https") => true,
        // The fetched keys are trusted, so the connection must protect their integrity.
        Some("http") => is_loopback,
        _ => false,
    };
    // `http::Uri` parses `host:` and `host:99999` as an authority without a port.
    let port_is_valid = authority.port_u16().is_some() || authority.as_str() == authority.host();
    scheme_allowed && !host.is_empty() && port_is_valid
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
            assert!(is_url(valid), "{valid}");
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
            assert!(!is_url(invalid), "{invalid}");
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
