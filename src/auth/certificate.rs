//! Authentication by client certificate. The TLS handshake has verified the chain; this
//! module derives the caller from the subject alternative names.
//!
//! A [SPIFFE ID] takes precedence over a DNS name, and there must be exactly one of the
//! kind that counts. For example, a certificate with the URI
//! `spiffe://shop.example/ns/shop/sa/payments` and two DNS names is the caller of that
//! URI; one with two DNS names and no URI is refused.
//!
//! [SPIFFE ID]: https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md

use std::time::SystemTime;

use spiffe::SpiffeId;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

use super::error::NotAuthenticated;
use crate::model::{CallerId, unix_time};

/// Returns the caller that `certificate` (DER) names, if it is valid at `now`.
pub(super) fn caller(
    certificate: Option<&[u8]>,
    now: SystemTime,
) -> Result<CallerId, NotAuthenticated> {
    let der = certificate.ok_or(NotAuthenticated::CertificateMissing)?;
    let unreadable = NotAuthenticated::CertificateUnreadable;
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| unreadable)?;
    // The handshake checked this, but the connection may have outlived the certificate.
    if !is_valid(&certificate, now) {
        return Err(NotAuthenticated::CertificateOutsideValidity);
    }
    let names = certificate.subject_alternative_name();
    let names = names.map_err(|_| unreadable)?;
    let names = names.ok_or(NotAuthenticated::CertificateUnnamed)?;
    caller_of_names(&names.value.general_names)
}

fn is_valid(certificate: &X509Certificate<'_>, now: SystemTime) -> bool {
    let now = i64::try_from(unix_time(now).as_secs()).ok();
    let now = now.and_then(|now| ASN1Time::from_timestamp(now).ok());
    now.is_some_and(|now| certificate.validity().is_valid_at(now))
}

fn caller_of_names(names: &[GeneralName<'_>]) -> Result<CallerId, NotAuthenticated> {
    let (mut uris, mut hosts) = (Vec::new(), Vec::new());
    for name in names {
        match name {
            GeneralName::URI(uri) => uris.push(*uri),
            GeneralName::DNSName(host) => hosts.push(*host),
            GeneralName::Invalid(..) => return Err(NotAuthenticated::CertificateUnreadable),
            _ => {}
        }
    }
    if uris.iter().any(|uri| is_spiffe(uri)) {
        // X509-SVID, 2: exactly one URI, of any scheme.
        return match uris.as_slice() {
            [uri] => caller_of_spiffe_id(uri),
            _ => Err(NotAuthenticated::CertificateAmbiguous),
        };
    }
    match hosts.as_slice() {
        [] => Err(NotAuthenticated::CertificateUnnamed),
        [host] => caller_of_host(host),
        _ => Err(NotAuthenticated::CertificateAmbiguous),
    }
}

/// Whether the scheme is `spiffe`, even if the rest is invalid.
fn is_spiffe(uri: &str) -> bool {
    let scheme = uri.split(':').next();
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe"))
}

/// A trust domain without a path names an authority, not a workload.
fn caller_of_spiffe_id(uri: &str) -> Result<CallerId, NotAuthenticated> {
    let id = SpiffeId::new(uri).ok();
    let id = id.filter(|id| !id.path().is_empty());
    let id = id.ok_or(NotAuthenticated::CertificateSpiffeId)?;
    CallerId::new(&id.to_string()).ok_or(NotAuthenticated::CertificateName)
}

fn caller_of_host(host: &str) -> Result<CallerId, NotAuthenticated> {
    let is_label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        (1..=63).contains(&label.len()) && label.bytes().all(fits)
    };
    let caller = CallerId::new(&host.to_ascii_lowercase());
    let caller = caller.filter(|_| host.split('.').all(is_label));
    caller.ok_or(NotAuthenticated::CertificateName)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller_name(names: &[GeneralName<'_>]) -> Result<String, NotAuthenticated> {
        caller_of_names(names).map(|caller| caller.to_string())
    }

    #[test]
    fn a_spiffe_id_needs_a_trust_domain_and_a_path() {
        use NotAuthenticated::{CertificateName, CertificateSpiffeId};
        let long = format!("spiffe://a.b/{}", "x".repeat(116));
        for (uri, expected) in [
            ("spiffe://a.b/ns/shop", Ok("spiffe://a.b/ns/shop")),
            ("SPIFFE://A.b/Shop", Ok("spiffe://a.b/Shop")),
            ("spiffe://a_b-1/x.y_z-1", Ok("spiffe://a_b-1/x.y_z-1")),
            ("spiffe://a.b", Err(CertificateSpiffeId)),
            ("spiffe://a.b/", Err(CertificateSpiffeId)),
            ("spiffe:///x", Err(CertificateSpiffeId)),
            ("spiffe:a.b/x", Err(CertificateSpiffeId)),
            ("spiffe://a.b/x/", Err(CertificateSpiffeId)),
            ("spiffe://a.b//x", Err(CertificateSpiffeId)),
            ("spiffe://a.b/../x", Err(CertificateSpiffeId)),
            ("spiffe://a.b/x?y", Err(CertificateSpiffeId)),
            ("spiffe://a.b/x#y", Err(CertificateSpiffeId)),
            ("spiffe://me@a.b/x", Err(CertificateSpiffeId)),
            ("spiffe://a.b:1/x", Err(CertificateSpiffeId)),
            ("spiffe://a.b/%2e", Err(CertificateSpiffeId)),
            ("spiffe://a.b/ x", Err(CertificateSpiffeId)),
            (&long, Err(CertificateName)),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(caller_name(&[GeneralName::URI(uri)]), expected, "{uri}");
        }
    }

    #[test]
    fn a_dns_name_must_be_a_host_name_without_a_wildcard() {
        let names = [GeneralName::DNSName("Payments.Shop.svc")];
        assert_eq!(caller_name(&names), Ok("payments.shop.svc".to_owned()));
        for invalid in ["*.shop", "", "a..b", "a b", "a:b", "spiffe://a.b/c"] {
            let names = [GeneralName::DNSName(invalid)];
            assert_eq!(caller_name(&names), Err(NotAuthenticated::CertificateName));
        }
    }
}
