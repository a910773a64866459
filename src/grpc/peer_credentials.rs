//! What a call presents of its caller: metadata, a certificate, an address.
//!
//! An example: `authorization` twice, from 10.0.0.7 over mTLS, is a peer, a
//! certificate, and `MetadataField::Repeated`, which no mode believes.

use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, Request};
use tonic::body::Body;

use crate::auth::{
    AUTHORIZATION_KEY, Authenticator, CALLER_KEY, Identity, MetadataField, NotAuthenticated,
    Origin, PeerCredentials,
};
use crate::transport::{Peer, PeerAddress};

/// Who calls. Dropped half way, it leaves nothing behind.
pub(super) async fn identify(
    auth: &Authenticator,
    request: &mut Request<Body>,
) -> Result<Identity, NotAuthenticated> {
    let peer = request.extensions().get::<Peer>().cloned();
    let peer = peer.unwrap_or_default();
    let origin = match peer.address {
        PeerAddress::Socket(address) => Origin::Address(address),
        PeerAddress::InProcess => Origin::Pipe,
        PeerAddress::Unknown => Origin::Unknown,
    };
    let evidence = PeerCredentials {
        origin,
        certificate: peer.certificates.first().map(AsRef::as_ref),
        caller: given(request.headers(), CALLER_KEY),
        authorization: given(request.headers(), AUTHORIZATION_KEY),
    };
    auth.authenticate(evidence, wall_clock()).await
}

fn given<'a>(headers: &'a HeaderMap, key: &str) -> MetadataField<'a> {
    MetadataField::of(headers.get_all(key).iter().map(HeaderValue::as_bytes))
}

#[expect(
    clippy::disallowed_methods,
    reason = "tokens and certificates have the wall's times"
)]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
