//! Collects the credentials of a call: metadata, client certificate and peer address.
//!
//! For example, a call over mTLS from 10.0.0.7 with two `authorization` entries has an
//! address, a certificate and `MetadataField::Repeated`, which no mode accepts.

use http::{HeaderMap, HeaderValue};

use crate::auth::{
    AUTHORIZATION_KEY, Authenticator, CALLER_KEY, Identity, MetadataField, NotAuthenticated,
    PeerCredentials,
};
use crate::model::wall_clock;
use crate::transport::Peer;

/// Authenticates the caller of a request with these headers. Dropped half way, it has no effect.
pub(super) async fn authenticate(
    auth: &Authenticator,
    peer: &Peer,
    headers: &HeaderMap,
) -> Result<Identity, NotAuthenticated> {
    let credentials = PeerCredentials {
        address: peer.address,
        certificate: peer.certificates.first().map(AsRef::as_ref),
        caller: field(headers, CALLER_KEY),
        authorization: field(headers, AUTHORIZATION_KEY),
    };
    auth.authenticate(credentials, wall_clock()).await
}

fn field<'a>(headers: &'a HeaderMap, key: &str) -> MetadataField<'a> {
    MetadataField::of(headers.get_all(key).iter().map(HeaderValue::as_bytes))
}
