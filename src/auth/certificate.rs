//! The caller as its certificate names it. Whether the certificate is genuine was
//! found out when hands were shaken; here it is read.
//!
//! A SPIFFE ID goes before a DNS name, and each must be the only one of its kind: a
//! certificate with two names is no proof of either. An example: the URI
//! `spiffe://shop.example/ns/shop/sa/payments` beside two DNS names is the caller of
//! that URI; two DNS names without a URI are nobody.

use std::time::{SystemTime, UNIX_EPOCH};

use spiffe::SpiffeId;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

use super::failure::NotAuthenticated;
use crate::model::CallerId;

/// Who `certificate` (DER) says that it is, at `now`.
pub(super) fn caller(
    certificate: Option<&[u8]>,
    now: SystemTime,
) -> Result<CallerId, NotAuthenticated> {
    let der = certificate.ok_or(NotAuthenticated::CertificateMissing)?;
    let unreadable = NotAuthenticated::CertificateUnreadable;
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| unreadable)?;
    // A connection outlives the handshake in which this was looked at.
    if !is_valid(&certificate, now) {
        return Err(NotAuthenticated::CertificateOutsideValidity);
    }
    let names = certificate.subject_alternative_name();
    let names = names.map_err(|_| unreadable)?;
    let names = names.ok_or(NotAuthenticated::CertificateUnnamed)?;
    by_names(&names.value.general_names)
}

fn is_valid(certificate: &X509Certificate<'_>, now: SystemTime) -> bool {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(seconds).ok();
    let now = now.and_then(|now| ASN1Time::from_timestamp(now).ok());
    now.is_some_and(|now| certificate.validity().is_valid_at(now))
}

fn by_names(names: &[GeneralName<'_>]) -> Result<CallerId, NotAuthenticated> {
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
        // The standard (X509-SVID, 2): exactly one URI, of whatever scheme.
        return match uris.as_slice() {
            [uri] => by_spiffe_id(uri),
            _ => Err(NotAuthenticated::CertificateAmbiguous),
        };
    }
    match hosts.as_slice() {
        [] => Err(NotAuthenticated::CertificateUnnamed),
        [host] => by_host(host),
        _ => Err(NotAuthenticated::CertificateAmbiguous),
    }
}

/// Also one that is no SPIFFE ID by the rest of it.
fn is_spiffe(uri: &str) -> bool {
    let scheme = uri.split(':').next();
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe"))
}

/// A trust domain without a path is an authority's name, and no caller's.
fn by_spiffe_id(uri: &str) -> Result<CallerId, NotAuthenticated> {
    let id = SpiffeId::new(uri).ok();
    let id = id.filter(|id| !id.path().is_empty());
    let id = id.ok_or(NotAuthenticated::CertificateSpiffeId)?;
    CallerId::new(&id.to_string()).ok_or(NotAuthenticated::CertificateName)
}

fn by_host(host: &str) -> Result<CallerId, NotAuthenticated> {
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

    fn told(names: &[GeneralName<'_>]) -> Result<String, NotAuthenticated> {
        by_names(names).map(|caller| caller.to_string())
    }

    #[test]
    fn a_spiffe_id_is_a_trust_domain_and_a_path() {
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
            assert_eq!(told(&[GeneralName::URI(uri)]), expected, "{uri}");
        }
    }

    #[test]
    fn a_host_is_no_wildcard_and_nothing_but_a_host() {
        let names = [GeneralName::DNSName("Payments.Shop.svc")];
        assert_eq!(told(&names), Ok("payments.shop.svc".to_owned()));
        for wrong in ["*.shop", "", "a..b", "a b", "a:b", "spiffe://a.b/c"] {
            let names = [GeneralName::DNSName(wrong)];
            assert_eq!(told(&names), Err(NotAuthenticated::CertificateName));
        }
    }
}
