//! A redis-server of a test's own, on a free port, ended by its process id.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::sleep;

use super::{Store, StoreMetrics, StoreSettings};

/// A server; it ends with this value.
pub(crate) struct RedisServer {
    child: Child,
    port: u16,
}

impl RedisServer {
    pub(crate) async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
        let port = port.expect("a free port").port();
        Self::start_at(port, &[]).await
    }

    /// A copy of this server, kept up to date by it.
    pub(crate) async fn replica(&self) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
        let (port, primary) = (port.expect("a free port").port(), self.port.to_string());
        Self::start_at(port, &["--replicaof", "127.0.0.1", &primary]).await
    }

    pub(crate) async fn start_at(port: u16, more: &[&str]) -> Self {
        let fixed = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--dir", "/tmp"])
            .args(["--dbfilename", &format!("livegate-test-{port}.rdb")])
            .args(["--repl-diskless-sync-delay", "0"])
            .args(fixed)
            .args(more)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is on the PATH");
        let server = Self { child, port };
        for _ in 0..500 {
            if super::connect::connect(&server.settings()).await.is_ok() {
                return server;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("redis-server does not answer on port {port}");
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn settings(&self) -> StoreSettings {
        settings(self.port)
    }

    /// A connection to it, made.
    pub(crate) async fn store(&self) -> Store {
        let store = Store::open(&self.settings(), &StoreMetrics::default()).expect("it has a URL");
        store.up().await;
        store
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What redis-cli would print.
    pub(crate) async fn command(&self, words: &[&str]) -> String {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port));
        let client = client.expect("a right URL");
        let connection = client.get_multiplexed_async_connection().await;
        let mut command = redis::cmd(words[0]);
        let value: redis::Value = command
            .arg(&words[1..])
            .query_async(&mut connection.expect("it listens"))
            .await
            .expect("a right command");
        print(&value)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn settings(port: u16) -> StoreSettings {
    StoreSettings {
        url: Some(format!("redis://127.0.0.1:{port}")),
        user: None,
        password: None,
        password_file: None,
        // Test machines are busy; what is measured here is not this.
        timeout: Duration::from_millis(250),
        prefix: "test".to_owned(),
        max_replicas: std::num::NonZeroU32::MIN,
    }
}

fn print(value: &redis::Value) -> String {
    use redis::Value;
    match value {
        Value::Array(all) => all.iter().map(|one| print(one) + "\n").collect(),
        Value::BulkString(text) => String::from_utf8_lossy(text).into_owned(),
        Value::SimpleString(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Okay => "OK".to_owned(),
        other => format!("{other:?}"),
    }
}
