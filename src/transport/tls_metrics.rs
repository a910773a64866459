//! What is known of our certificate: how old it is, when it expires, and how its reloads
//! went.

use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::tls::Validity;

/// Which certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Which {
    certificate: &'static str,
}

const OURS: Which = Which {
    certificate: "server",
};

/// The metrics of TLS. Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsMetrics {
    /// Nothing is there without TLS: a 0 would alarm everyone.
    expiry: Family<Which, Gauge<i64, AtomicI64>>,
    not_before: Family<Which, Gauge<i64, AtomicI64>>,
    reloads: Family<Labels, Counter>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

impl TlsMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "grpc_server_certificate_expiry_timestamp_seconds",
            "When the certificate of the gRPC port expires, in seconds since 1970",
            metrics.expiry.clone(),
        );
        registry.register(
            "grpc_server_certificate_not_before_timestamp_seconds",
            "Since when the certificate of the gRPC port counts, in seconds since 1970: time() \
             less this is its age; where that grows past its renewal, nobody renews it",
            metrics.not_before.clone(),
        );
        registry.register(
            "grpc_server_certificate_reloads",
            "Changes of the files of TLS, by whether they were applied or refused",
            metrics.reloads.clone(),
        );
        metrics
    }

    /// The certificate that counts now has this validity.
    pub(crate) fn counts(&self, validity: Validity) {
        let Validity {
            not_before,
            not_after,
        } = validity;
        self.not_before.get_or_create(&OURS).set(not_before);
        self.expiry.get_or_create(&OURS).set(not_after);
    }

    pub(crate) fn applied(&self, validity: Validity) {
        self.counts(validity);
        self.count("applied");
    }

    pub(crate) fn refused(&self) {
        self.count("refused");
    }

    fn count(&self, outcome: &'static str) {
        self.reloads.get_or_create(&Labels { outcome }).inc();
    }
}
