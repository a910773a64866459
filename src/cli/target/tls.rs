//! The TLS files of a client command: the roots, and the client certificate with its key.
//!
//! For example, `--tls-key client.key` is encrypted. The error names the flag, the file and
//! the command that decrypts it, and no call is sent.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail, ensure};
use hyper_rustls::ConfigBuilderExt as _;
use livegate_client::ClientTls;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, Error, RootCertStore};

/// The content of the files.
pub(super) struct TlsFiles {
    roots: Option<PemFile>,
    identity: Option<(PemFile, PemFile)>,
    trusts_system: bool,
}

/// The content of a file, and the flag and path that name it in errors.
struct PemFile {
    flag: &'static str,
    path: String,
    content: Vec<u8>,
}

impl TlsFiles {
    /// Reads the files of `--tls-ca`, `--tls-cert` and `--tls-key`. Without the first one,
    /// the system's roots are trusted if `trusts_system`, and else none.
    pub(super) fn read(paths: [Option<&Path>; 3], trusts_system: bool) -> anyhow::Result<Self> {
        let [ca, certificate, key] = paths;
        let read =
            |flag, path: Option<&Path>| path.map(|path| PemFile::read(flag, path)).transpose();
        let certificate = read("--tls-cert", certificate)?;
        Ok(Self {
            roots: read("--tls-ca", ca)?,
            identity: certificate.zip(read("--tls-key", key)?),
            trusts_system,
        })
    }

    /// Returns the files for a client; `None` if it needs no settings.
    pub(super) fn for_client(&self) -> Option<ClientTls> {
        let mut tls = ClientTls::default();
        if let Some(roots) = &self.roots {
            tls = tls.roots(&roots.content);
        }
        if let Some((certificate, key)) = &self.identity {
            tls = tls.identity(&certificate.content, &key.content);
        }
        (self.roots.is_some() || self.identity.is_some()).then_some(tls)
    }

    /// Returns the configuration of a handshake.
    ///
    /// # Errors
    /// If a file is not valid, or certificate and key do not belong together.
    pub(super) fn config(&self) -> anyhow::Result<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?;
        let builder = match &self.roots {
            Some(file) => builder.with_root_certificates(file.roots()?),
            None if self.trusts_system => builder
                .with_native_roots()
                .context("the system has no root certificates: name the roots with --tls-ca")?,
            None => builder.with_root_certificates(RootCertStore::empty()),
        };
        let Some((certificate, key)) = &self.identity else {
            return Ok(builder.with_no_client_auth());
        };
        let config = builder.with_client_auth_cert(certificate.certificates()?, key.private_key()?);
        config.map_err(|error| match error {
            Error::InconsistentKeys(_) => anyhow!("{key} is not the key of {certificate}"),
            error => anyhow!("{certificate} and {key} cannot be used together: {error}"),
        })
    }
}

impl std::fmt::Display for PemFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.flag, self.path)
    }
}

impl PemFile {
    fn read(flag: &'static str, path: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            flag,
            path: path.display().to_string(),
            content: super::read(flag, path)?,
        })
    }

    fn certificates(&self) -> anyhow::Result<Vec<CertificateDer<'static>>> {
        let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.content).collect();
        let parsed = parsed.map_err(|error| anyhow!("{self} is not valid PEM: {error}"))?;
        ensure!(!parsed.is_empty(), "{self} contains no certificate in PEM");
        Ok(parsed)
    }

    fn roots(&self) -> anyhow::Result<RootCertStore> {
        let mut store = RootCertStore::empty();
        for root in self.certificates()? {
            let added = store.add(root);
            added.with_context(|| format!("{self} contains an invalid certificate"))?;
        }
        Ok(store)
    }

    fn private_key(&self) -> anyhow::Result<PrivateKeyDer<'static>> {
        if String::from_utf8_lossy(&self.content).contains("ENCRYPTED") {
            let path = &self.path;
            bail!("{self} is encrypted: decrypt it with openssl pkey -in {path} -out FILE");
        }
        let key = PrivateKeyDer::from_pem_slice(&self.content);
        key.map_err(|_| anyhow!("{self} contains no private key in PEM"))
    }
}
