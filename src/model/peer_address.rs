//! The address of the other end of a connection.

use std::io;
use std::net::SocketAddr;

/// The address of a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PeerAddress {
    /// The system reports none: the peer closed the connection before it was read.
    #[default]
    Unknown,
    /// A socket.
    Socket(SocketAddr),
    /// A pipe within this process.
    InProcess,
}

impl PeerAddress {
    /// Returns the address of a socket.
    #[must_use]
    pub fn socket(self) -> Option<SocketAddr> {
        match self {
            Self::Socket(address) => Some(address),
            Self::Unknown | Self::InProcess => None,
        }
    }
}

impl From<io::Result<SocketAddr>> for PeerAddress {
    fn from(address: io::Result<SocketAddr>) -> Self {
        address.map_or(Self::Unknown, Self::Socket)
    }
}
