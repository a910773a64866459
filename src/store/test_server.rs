//! A redis-server process for one test, on a free port. It is stopped by its process id.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::sleep;

use super::{Store, StoreMetrics, StoreSettings};

/// A running server. Dropping it stops the process.
pub(crate) struct RedisServer {
    child: Child,
    port: u16,
}

impl RedisServer {
    pub(crate) async fn start() -> Self {
        Self::start_at(free_port(), &[]).await
    }

    /// Starts a replica of this server.
    pub(crate) async fn replica(&self) -> Self {
        let primary = self.port.to_string();
        Self::start_at(free_port(), &["--replicaof", "127.0.0.1", &primary]).await
    }

    pub(crate) async fn start_at(port: u16, extra_args: &[&str]) -> Self {
        let fixed = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--dir", "/tmp"])
            .args(["--dbfilename", &format!("livegate-test-{port}.rdb")])
            .args(["--repl-diskless-sync-delay", "0"])
            .args(fixed)
            .args(extra_args)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is on the PATH");
        let server = Self { child, port };
        for _ in 0..500 {
            if server.responds().await {
                return server;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("redis-server does not respond on port {port}");
    }

    async fn responds(&self) -> bool {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port));
        let client = client.expect("a valid URL");
        let Ok(mut connection) = client.get_multiplexed_async_connection().await else {
            return false;
        };
        let ping = redis::cmd("PING").exec_async(&mut connection).await;
        ping.is_ok()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn settings(&self) -> StoreSettings {
        settings(self.port)
    }

    /// Returns a store that is connected to this server.
    pub(crate) async fn store(&self) -> Store {
        let store = Store::open(&self.settings(), &StoreMetrics::default()).expect("it has a URL");
        store.up().await;
        store
    }

    /// Stops the process with SIGKILL.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Runs a command, and returns the output that redis-cli would print.
    pub(crate) async fn command(&self, args: &[&str]) -> String {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port));
        let client = client.expect("a valid URL");
        let connection = client.get_multiplexed_async_connection().await;
        let mut command = redis::cmd(args[0]);
        let value: redis::Value = command
            .arg(&args[1..])
            .query_async(&mut connection.expect("it listens"))
            .await
            .expect("a valid command");
        print(&value)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(super) fn free_port() -> u16 {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    port.expect("a free port").port()
}

pub(crate) fn settings(port: u16) -> StoreSettings {
    StoreSettings {
        url: Some(format!("redis://127.0.0.1:{port}")),
        user: None,
        password: None,
        password_file: None,
        tls: super::StoreTls::default(),
        // Generous, because test machines are busy; the timeout itself is not under test.
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
