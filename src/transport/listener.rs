//! The TCP listener.

use std::io;

use futures_util::{Stream, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::wrappers::TcpListenerStream;

/// Returns the connections that `listener` accepts, with `TCP_NODELAY` set so that small
/// responses leave at once.
pub fn incoming(listener: TcpListener) -> impl Stream<Item = io::Result<TcpStream>> {
    TcpListenerStream::new(listener).map(|accepted| {
        let stream = accepted?;
        // Without the option the connection still works, with more latency.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    })
}
