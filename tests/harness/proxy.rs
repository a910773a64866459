//! A TCP proxy on the loopback interface, whose connections can be cut and restored.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A proxy to a port. While it is closed, new connections end at once.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    pub(crate) open: watch::Sender<bool>,
}

impl Proxy {
    pub(crate) async fn before(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let (open, is_open) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut is_open = is_open.clone();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", target)).await?;
                    tokio::select! {
                        biased;
                        _ = is_open.wait_for(|open| !open) => {}
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                    }
                    std::io::Result::Ok(())
                });
            }
        });
        Self { port, open }
    }
}
