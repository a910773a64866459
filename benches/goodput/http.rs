//! A `GET` over plain HTTP, for counters and readiness.

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Returns the body of the answer. Fails where its status is not 200.
pub(crate) async fn get(address: &str, path: &str) -> anyhow::Result<String> {
    let context = || format!("GET http://{address}{path}");
    let mut stream = TcpStream::connect(address).await.with_context(context)?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .with_context(context)?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .await
        .with_context(context)?;
    let (head, body) = answer.split_once("\r\n\r\n").with_context(context)?;
    ensure!(head.starts_with("HTTP/1.1 200 "), "{}: {head}", context());
    Ok(body.to_owned())
}
