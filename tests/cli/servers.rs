//! Processes of `livegate` that serve until they are dropped.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use super::golden::livegate;

/// A process, stopped by its id when it is dropped.
pub(crate) struct Server {
    child: Child,
    /// The line by which it reports its addresses.
    pub(crate) line: String,
}

impl Server {
    /// Starts `livegate simulate`.
    pub(crate) fn simulate(arguments: &[&str]) -> Self {
        let arguments = [&["simulate", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut command = livegate(&arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let line = line_with(child.stdout.take().expect("it is piped"), "listening on");
        Self { child, line }
    }

    /// Starts `livegate serve` on free ports, at the AWS of `simulator`.
    pub(crate) fn serve(simulator: &Self, settings: &[&str]) -> Self {
        let endpoint = format!("upstream.endpoint_url={}", simulator.url());
        let own = [
            "grpc.listen=127.0.0.1:0",
            "admin.listen=127.0.0.1:0",
            &endpoint,
        ];
        let mut command = livegate(&["serve"]);
        for setting in own.iter().chain(settings) {
            command.args(["--set", setting]);
        }
        command.envs(CREDENTIALS).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let line = line_with(child.stderr.take().expect("it is piped"), "starting");
        Self { child, line }
    }

    /// Returns the URL that `simulate` listens on.
    pub(crate) fn url(&self) -> String {
        let at = self.line.find("http://").expect("a URL");
        self.line[at..]
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// Returns the address of `key` in the line of `serve`.
    pub(crate) fn address(&self, key: &str) -> String {
        let at = self.line.find(key).expect("a key") + key.len() + 1;
        self.line[at..]
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned()
    }
}

/// The credentials of the simulator.
pub(crate) const CREDENTIALS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
];

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the first line that contains `text`. A thread reads the others, so that the process
/// can write them.
fn line_with(output: impl std::io::Read + Send + 'static, text: &str) -> String {
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains(text));
    std::thread::spawn(move || lines.for_each(drop));
    line.expect("the process reports its address")
}
