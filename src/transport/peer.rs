//! The other end of a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::service::{ByteCount, RequestCount};
use crate::model::PeerAddress;

/// The peer of a connection. It is among the extensions of each of its requests.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// Its address.
    pub address: PeerAddress,
    /// Its verified certificate chain, the end-entity certificate first; empty without
    /// mTLS.
    pub certificates: Arc<[CertificateDer<'static>]>,
    /// Whether it has made an authenticated call on this connection.
    pub authentication: Authentication,
    /// The bytes of unfinished requests on this connection.
    pub(crate) unfinished: ByteCount,
    /// The requests on this connection that need no authentication. Shared, because a clone of
    /// the count itself is a request.
    pub(crate) unauthenticated: Arc<RequestCount>,
}

/// Whether a peer has made an authenticated call on its connection. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Authentication(Arc<AtomicBool>);

impl Authentication {
    /// Reports an authenticated call.
    pub(crate) fn complete(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_complete(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A byte stream whose peer has an address.
pub trait Connection: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Returns the address of the peer.
    fn peer_address(&self) -> PeerAddress;
}

impl Connection for TcpStream {
    fn peer_address(&self) -> PeerAddress {
        self.peer_addr().into()
    }
}

/// Tests use in-memory pipes.
impl Connection for DuplexStream {
    fn peer_address(&self) -> PeerAddress {
        PeerAddress::InProcess
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::io::duplex;

    use super::*;

    #[test]
    fn a_connection_without_an_address_is_in_process_only_if_it_is_a_pipe() {
        let peer = ([10, 0, 0, 7], 40_000).into();
        assert_eq!(PeerAddress::from(Ok(peer)), PeerAddress::Socket(peer));
        let closed = Err(io::ErrorKind::NotConnected.into());
        assert_eq!(PeerAddress::from(closed), PeerAddress::Unknown);
        assert_eq!(duplex(1).0.peer_address(), PeerAddress::InProcess);
    }
}
