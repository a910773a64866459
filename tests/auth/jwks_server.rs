//! An HTTP server for a JWKS, in plain text or over TLS. It records the requests and
//! their bearer tokens.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::task::AbortOnDropHandle;

/// The response to every request.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: &'static str,
    pub(crate) body: String,
}

pub(crate) struct JwksServer {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    _serving: AbortOnDropHandle<()>,
}

struct State {
    reply: Reply,
    /// The `authorization` of each request.
    requests: Vec<Option<String>>,
}

impl JwksServer {
    pub(crate) async fn start(reply: Reply, tls: Option<Arc<ServerConfig>>) -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), reply, tls).await
    }

    pub(crate) async fn at(
        address: SocketAddr,
        reply: Reply,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("a bound address");
        let requests = Vec::new();
        let state = Arc::new(Mutex::new(State { reply, requests }));
        let shared = state.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                match &tls {
                    None => respond(stream, &shared).await,
                    Some(tls) => match TlsAcceptor::from(tls.clone()).accept(stream).await {
                        Ok(stream) => respond(stream, &shared).await,
                        Err(_) => continue,
                    },
                }
            }
        });
        Self {
            address,
            state,
            _serving: AbortOnDropHandle::new(serving),
        }
    }

    pub(crate) fn set_reply(&self, reply: Reply) {
        self.state.lock().expect("no panic").reply = reply;
    }

    pub(crate) fn requests(&self) -> Vec<Option<String>> {
        self.state.lock().expect("no panic").requests.clone()
    }
}

/// 200 with `body`.
pub(crate) fn ok(body: String) -> Reply {
    Reply {
        status: "200 OK",
        body,
    }
}

/// 500 without a body.
pub(crate) fn broken() -> Reply {
    Reply {
        status: "500 Internal Server Error",
        body: String::new(),
    }
}

async fn respond(stream: impl AsyncRead + AsyncWrite + Unpin, state: &Mutex<State>) {
    let mut stream = BufReader::new(stream);
    let (mut line, mut authorization) = (String::new(), None);
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 2) {
        if let Some((name, value)) = line.trim_end().split_once(": ")
            && name.eq_ignore_ascii_case("authorization")
        {
            authorization = Some(value.to_owned());
        }
        line.clear();
    }
    let reply = {
        let mut state = state.lock().expect("no panic");
        state.requests.push(authorization);
        state.reply.clone()
    };
    let Reply { status, body } = reply;
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    // The client closes the connection once the body exceeds its limit.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body.as_bytes()).await;
    let _ = stream.shutdown().await;
}
