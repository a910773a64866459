//! A test certificate authority, and the TLS files that Livegate reads.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use tempfile::TempDir;

/// A certificate authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// Returns the authority of a SPIFFE trust domain.
    pub(crate) fn of_trust_domain(domain: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.subject_alt_names = vec![uri(&format!("spiffe://{domain}"))];
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// Returns a new certificate for a SPIFFE ID.
    pub(crate) fn issue_spiffe(&self, id: &str) -> Pair {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.subject_alt_names = vec![uri(id)];
        self.sign(&params)
    }

    /// Returns a new certificate for `name`, valid from the start of `year` on.
    pub(crate) fn issue_from(&self, name: &str, year: i32) -> Pair {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.not_before = rcgen::date_time_ymd(year, 1, 1);
        self.sign(&params)
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Returns a new certificate for `name`, valid to the end of `year`.
    pub(crate) fn issue(&self, name: &str, year: i32) -> Pair {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.not_after = rcgen::date_time_ymd(year, 12, 31);
        self.sign(&params)
    }

    /// Returns a new certificate with `params`.
    pub(crate) fn sign(&self, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().expect("an ASCII URI"))
}

/// Files that are replaced atomically, by a symbolic link, as Kubernetes does for secrets.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn holding(pair: &Pair, client_ca: &str) -> Self {
        let files = Self(tempfile::tempdir().expect("a folder"));
        files.swap(pair, client_ca);
        files
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("data").join(name)
    }

    pub(crate) fn swap(&self, pair: &Pair, client_ca: &str) {
        let version = self.0.path().join(uuid::Uuid::new_v4().to_string());
        std::fs::create_dir(&version).expect("a folder");
        let contents = [
            ("tls.crt", pair.certificate.as_str()),
            ("tls.key", pair.key.as_str()),
            ("ca.crt", client_ca),
        ];
        for (name, content) in contents {
            std::fs::write(version.join(name), content).expect("a file");
        }
        let link = self.0.path().join("new");
        std::os::unix::fs::symlink(&version, &link).expect("a link");
        std::fs::rename(&link, self.0.path().join("data")).expect("a rename");
    }
}
