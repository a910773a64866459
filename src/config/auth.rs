//! `[auth]` and `[auth.jwt]`: how it is known who calls.
//!
//! An example: `mode = "jwt"` with an issuer, an audience and both `jwks_file` and
//! `jwks_url` is a error, for there is one place where the keys are.

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
use super::sections::{at, seconds};
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
        expected: "an IP address or a network, as in \"10.0.0.7\" or \"10.0.0.0/8\"",
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

const WORD: ValidatedString = ValidatedString {
    fits: is_word,
    expected: "1 to 512 printable ASCII characters without spaces",
};

const URL: ValidatedString = ValidatedString {
    fits: is_url,
    expected: "an https URL without user and fragment, or http on loopback, as in \
        \"https://kubernetes.default.svc/openid/v1/jwks\"",
};

/// Reads both sections.
pub(super) fn auth(reader: &mut Reader) -> AuthSettings {
    let section = &mut at(reader, "auth");
    let mode = section.choice("mode", AuthMode::None, &MODES);
    let trusted_proxies = section.optional("trusted_proxies", &NETWORKS);
    let jwt = jwt(reader, mode);
    AuthSettings {
        mode,
        trusted_proxies: trusted_proxies.unwrap_or_default(),
        jwt,
    }
}

/// What `[auth.jwt]` says.
struct JwtSection {
    issuer: Option<String>,
    audience: Option<String>,
    file: Option<PathBuf>,
    url: Option<Uri>,
    ca_file: Option<PathBuf>,
    token_file: Option<PathBuf>,
    algorithms: Vec<TokenAlgorithm>,
    leeway: Duration,
    refresh_interval: Duration,
}

/// Which tokens count, where the section is whole.
fn jwt(reader: &mut Reader, mode: AuthMode) -> Option<JwtSettings> {
    let given = given(&mut at(reader, "auth.jwt"));
    if given.file.is_some() && given.url.is_some() {
        let problem = "the keys are at one place: leave the file or the url unset";
        reader.clash(&["auth.jwt.jwks_file", "auth.jwt.jwks_url"], problem);
        return None;
    }
    if given.url.is_none() && (given.ca_file.is_some() || given.token_file.is_some()) {
        let keys = [
            "auth.jwt.jwks_url",
            "auth.jwt.jwks_ca_file",
            "auth.jwt.jwks_token_file",
        ];
        reader.clash(&keys, "jwks_ca_file and jwks_token_file are for jwks_url");
    }
    let whole = settings(given);
    if whole.is_none() && mode.requires_token() {
        let keys = [
            "auth.mode",
            "auth.jwt.issuer",
            "auth.jwt.audience",
            "auth.jwt.jwks_file",
            "auth.jwt.jwks_url",
        ];
        let problem = "tokens are judged by their issuer, their audience and a set of keys: \
            set issuer, audience, and jwks_file or jwks_url in [auth.jwt]";
        reader.clash(&keys, problem);
    }
    whole
}

fn given(at: &mut Section<'_>) -> JwtSection {
    JwtSection {
        issuer: at.optional_text("issuer", &WORD),
        audience: at.optional_text("audience", &WORD),
        file: at.optional_text("jwks_file", &FILE).map(PathBuf::from),
        url: at
            .optional_text("jwks_url", &URL)
            .and_then(|url| url.parse().ok()),
        ca_file: at.optional_text("jwks_ca_file", &FILE).map(PathBuf::from),
        token_file: at
            .optional_text("jwks_token_file", &FILE)
            .map(PathBuf::from),
        algorithms: at.read("algorithms", &ALGORITHMS, vec![TokenAlgorithm::Rs256]),
        leeway: at.time("leeway", seconds(30), Duration::ZERO..=seconds(300)),
        refresh_interval: at.time(
            "refresh_interval",
            seconds(600),
            seconds(10)..=seconds(24 * 60 * 60),
        ),
    }
}

fn settings(given: JwtSection) -> Option<JwtSettings> {
    let source = match (given.file, given.url) {
        (Some(file), _) => JwksSource::File(file),
        (None, Some(url)) => JwksSource::Url {
            url,
            ca_file: given.ca_file,
            token_file: given.token_file,
        },
        (None, None) => return None,
    };
    Some(JwtSettings {
        issuer: given.issuer?,
        audience: given.audience?,
        source,
        algorithms: given.algorithms,
        leeway: given.leeway,
        refresh_interval: given.refresh_interval,
    })
}

/// An address is the network that holds it alone. A network with bits beyond its
/// prefix is larger than it looks, and an IPv4 address in IPv6 is known as IPv4.
fn network(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(IpNet::from(address.to_canonical()));
    }
    let network = text.parse::<IpNet>().ok()?;
    let is_mapped = network.addr().to_canonical() != network.addr();
    (network == network.trunc() && !is_mapped).then_some(network)
}

fn is_word(text: &str) -> bool {
    (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_url(text: &str) -> bool {
    if !is_word(text) || text.contains(['@', '#']) {
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
    let scheme_fits = match uri.scheme_str() {
        Some("https") => true,
        // What is fetched is believed: nobody on the way may change it.
        Some("http") => is_loopback,
        _ => false,
    };
    // The crate reads `host:` and `host:99999`, and says that they have no port.
    let port_fits = authority.port_u16().is_some() || authority.as_str() == authority.host();
    scheme_fits && !host.is_empty() && port_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_https_or_from_loopback() {
        for right in [
            "https://kubernetes.default.svc/openid/v1/jwks",
            "https://idp.example:8443/keys?tenant=7",
            "http://127.0.0.1:9/jwks",
            "http://[::1]:9/jwks",
            "http://localhost/jwks",
        ] {
            assert!(is_url(right), "{right}");
        }
        for wrong in [
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
            assert!(!is_url(wrong), "{wrong}");
        }
    }

    #[test]
    fn an_address_is_a_network_of_one() {
        let written = |text| network(text).map(|network| network.to_string());
        assert_eq!(written("10.0.0.7").as_deref(), Some("10.0.0.7/32"));
        assert_eq!(written("::ffff:10.0.0.7").as_deref(), Some("10.0.0.7/32"));
        assert_eq!(written("fd00::/8").as_deref(), Some("fd00::/8"));
        for wrong in [
            "",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.7/8",
            "::ffff:10.0.0.0/104",
            "host",
            "10.0.0.1:80",
        ] {
            assert_eq!(written(wrong), None, "{wrong}");
        }
    }
}
