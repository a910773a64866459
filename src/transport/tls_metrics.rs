//! Metrics of the server certificate: its validity, and its reloads.

use std::sync::atomic::AtomicI64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::tls::Validity;

type Label = [(&'static str, &'static str); 1];

const SERVER: Label = [("certificate", "server")];

/// The metrics of TLS. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct TlsMetrics {
    /// A family, so that without TLS there is no series: a 0 would alert as expired.
    not_after: Family<Label, Gauge<i64, AtomicI64>>,
    not_before: Family<Label, Gauge<i64, AtomicI64>>,
    reloads: Family<Label, Counter>,
    refused: Family<Label, Gauge>,
}

impl TlsMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "grpc_server_certificate_expiry_timestamp_seconds",
            "When the certificate of the gRPC port expires, in seconds since 1970",
            metrics.not_after.clone(),
        );
        registry.register(
            "grpc_server_certificate_not_before_timestamp_seconds",
            "Start of the validity of the certificate of the gRPC port, in seconds since 1970: \
             its age is time() minus this value, and an age beyond the renewal interval means \
             that renewal fails",
            metrics.not_before.clone(),
        );
        registry.register(
            "grpc_server_certificate_reloads",
            "Changes of the TLS files, by whether they were applied or refused",
            metrics.reloads.clone(),
        );
        registry.register(
            "grpc_server_certificate_refused",
            "1 while the TLS files are refused and the previous ones stay in use; see the log line",
            metrics.refused.clone(),
        );
        metrics
    }

    /// Sets the validity of the certificate in use.
    pub(super) fn set_validity(&self, validity: Validity) {
        let Validity {
            not_before,
            not_after,
        } = validity;
        self.not_before.get_or_create(&SERVER).set(not_before);
        self.not_after.get_or_create(&SERVER).set(not_after);
        self.refused.get_or_create(&SERVER).set(0);
    }

    pub(super) fn applied(&self, validity: Validity) {
        self.set_validity(validity);
        self.count("applied");
    }

    pub(super) fn refused(&self) {
        self.refused.get_or_create(&SERVER).set(1);
        self.count("refused");
    }

    fn count(&self, outcome: &'static str) {
        self.reloads.get_or_create(&[("outcome", outcome)]).inc();
    }
}
