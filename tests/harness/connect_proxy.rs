//! An HTTP proxy for `CONNECT`. Every name leads to the loopback address.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

pub(crate) struct ConnectProxy {
    pub(crate) url: String,
    targets: Arc<Mutex<Vec<String>>>,
    _serving: AbortOnDropHandle<()>,
}

impl ConnectProxy {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let targets = Arc::<Mutex<Vec<String>>>::default();
        let requested = targets.clone();
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(tunnel(client, requested.clone()));
            }
        });
        Self {
            url,
            targets,
            _serving: AbortOnDropHandle::new(serving),
        }
    }

    /// Returns the hosts and ports of the tunnels so far.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.targets.lock().clone()
    }
}

async fn tunnel(client: TcpStream, requested: Arc<Mutex<Vec<String>>>) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        client.read_line(&mut head).await?;
    }
    let (method, rest) = head.split_once(' ').expect("an HTTP request");
    assert_eq!(method, "CONNECT", "{head}");
    let target = rest.split(' ').next().expect("a host and a port");
    requested.lock().push(target.to_owned());
    let (_, port) = target.rsplit_once(':').expect("a port");
    let server = TcpStream::connect(format!("127.0.0.1:{port}"));
    let mut server = server.await?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
