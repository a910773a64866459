//! Verifies client certificates. A root whose own certificate has a SPIFFE ID
//! ([X509-SVID, 2]) is bound to its trust domain: it signs only for SPIFFE IDs in that domain.
//! Other roots sign for any name.
//!
//! For example, with the roots `spiffe://shop.example` and `spiffe://bank.example`, a
//! certificate for `spiffe://shop.example/payments` must be issued under the first root.
//!
//! [X509-SVID, 2]: https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// The verifiers of the roots of each trust domain, and of those without one.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    by_domain: BTreeMap<Option<String>, Arc<dyn ClientCertVerifier>>,
    any: Arc<dyn ClientCertVerifier>,
}

impl ClientVerifier {
    /// Returns a verifier that requires a certificate issued under one of `roots`.
    pub(super) fn new(
        roots: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let mut stores: BTreeMap<Option<String>, RootCertStore> = BTreeMap::new();
        let mut all = RootCertStore::empty();
        for root in roots {
            let domain = trust_domain(&root);
            let store = stores.entry(domain).or_insert_with(RootCertStore::empty);
            for store in [store, &mut all] {
                store.add(root.clone()).map_err(|error| error.to_string())?;
            }
        }
        let verifier = |store: RootCertStore| {
            WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider.clone())
                .build()
                .map_err(|error| error.to_string())
        };
        let by_domain = stores.into_iter();
        let by_domain = by_domain.map(|(domain, store)| Ok((domain, verifier(store)?)));
        Ok(Self {
            by_domain: by_domain.collect::<Result<_, String>>()?,
            any: verifier(all)?,
        })
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.any.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let mut result = Err(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        // First the roots without a domain, then those of the certificate's own.
        for domain in [Some(None), trust_domain(end_entity).map(Some)] {
            let verifier = domain.and_then(|domain| self.by_domain.get(&domain));
            if let (Some(verifier), Err(_)) = (verifier, &result) {
                result = verifier.verify_client_cert(end_entity, intermediates, now);
            }
        }
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.any
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.any
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.any.supported_verify_schemes()
    }
}

/// Returns the trust domain of the SPIFFE ID in a certificate.
fn trust_domain(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    names.value.general_names.iter().find_map(|name| {
        let GeneralName::URI(uri) = name else {
            return None;
        };
        let (scheme, rest) = uri.split_once("://")?;
        let domain = rest.split('/').next()?;
        let is_spiffe = scheme.eq_ignore_ascii_case("spiffe");
        is_spiffe.then(|| domain.to_ascii_lowercase())
    })
}
