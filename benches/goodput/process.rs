//! Processes that end with the benchmark, however it ends.
//!
//! Each one holds the read end of a pipe as its standard input, and the driver holds the
//! write end. When the driver drops it, returns early, panics or is killed, the pipe
//! closes. An arm of this program then exits by itself. Any other program runs under
//! [`guard`], a process of this program that kills it by its id and exits.

use std::ffi::{OsStr, OsString};
use std::io::stdin;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// A process becomes ready, and ends, within this time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How much of its command line names a process in errors.
const NAMING_WORDS: usize = 4;

/// A process that ends when this is dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts this program with the arguments of a hidden command.
    pub(crate) fn arm<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> anyhow::Result<Self> {
        let this = std::env::current_exe().context("cannot find this program")?;
        let args: Vec<OsString> = args
            .into_iter()
            .map(|arg| arg.as_ref().to_owned())
            .collect();
        let words = args.iter().take(NAMING_WORDS);
        let words: Vec<_> = words.map(|arg| arg.to_string_lossy()).collect();
        let name = words.join(" ");
        let mut child = clean_command(&this)
            .args(&args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = child.stdout.take().expect("stdout is piped");
        Ok(Self {
            name,
            child,
            stdin,
            stdout: BufReader::new(stdout).lines(),
        })
    }

    /// Starts `program` under a guard.
    pub(crate) fn guarded<S: AsRef<OsStr>>(
        program: &str,
        args: impl IntoIterator<Item = S>,
    ) -> anyhow::Result<Self> {
        let own = ["guard", "--", program].map(OsString::from);
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
        Self::arm(own.into_iter().chain(args))
    }

    /// Returns the next line of its output. Fails where none comes within `limit`.
    pub(crate) async fn line(&mut self, limit: Duration) -> anyhow::Result<String> {
        let line = timeout(limit, self.stdout.next_line()).await;
        match line.with_context(|| format!("{}: no output within {limit:?}", self.name))?? {
            Some(line) => Ok(line),
            None => bail!("{}: ended early", self.name),
        }
    }

    /// Lets an arm begin.
    pub(crate) async fn start(&mut self) -> anyhow::Result<()> {
        let written = self.stdin.write_all(b"start\n").await;
        written.with_context(|| format!("{}: ended early", self.name))
    }

    /// Reads and discards its output from now on, which must not fill the pipe.
    pub(crate) fn discard_output(self) -> Running {
        let Self {
            child,
            stdin,
            mut stdout,
            ..
        } = self;
        tokio::spawn(async move { while let Ok(Some(_)) = stdout.next_line().await {} });
        Running { child, stdin }
    }
}

/// A process whose output nothing reads.
pub(crate) struct Running {
    child: Child,
    stdin: ChildStdin,
}

impl Running {
    /// Returns the result of `future`, or `None` where the process ends before that.
    pub(crate) async fn unless_it_ends<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            result = future => Some(result),
            _ = self.child.wait() => None,
        }
    }

    /// Ends it and waits until it has ended.
    pub(crate) async fn end(mut self) {
        drop(self.stdin);
        if timeout(PATIENCE, self.child.wait()).await.is_err() {
            // The guard is stuck, so it is killed by its id; a failure means that it has
            // ended meanwhile.
            let _ = self.child.kill().await;
        }
    }
}

/// A command without settings of Livegate or AWS from outside, and with the simulator's
/// credentials.
fn clean_command(program: &std::path::Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("LIVEGATE_") || text.starts_with("AWS_") {
            command.env_remove(&name);
        }
    }
    command
        .env("LIVEGATE_LOG", "error")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// Runs `program` until it ends, standard input closes, or SIGINT or SIGTERM arrives; then
/// kills it.
pub(crate) async fn guard(program: &OsStr, args: &[OsString]) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}", program.to_string_lossy()))?;
    tokio::select! {
        ended = child.wait() => drop(ended),
        () = stdin_closed() => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    // A failure means that it has ended already.
    let _ = child.kill().await;
    Ok(ExitCode::SUCCESS)
}

/// Returns when standard input closes.
async fn stdin_closed() {
    let (sender, closed) = oneshot::channel();
    std::thread::spawn(move || {
        stdin().lines().for_each(drop);
        // A failure means that this process is about to end anyway.
        let _ = sender.send(());
    });
    // An error means that the thread has ended.
    let _ = closed.await;
}

/// Prints `line` once an arm's process is ready, waits for `start`, and from then on
/// exits when standard input closes.
pub(crate) async fn ready(line: &str) -> anyhow::Result<()> {
    println!("{line}");
    let (sender, started) = oneshot::channel();
    std::thread::spawn(move || {
        let mut lines = stdin().lines();
        if let Some(Ok(_)) = lines.next() {
            // A failure means that this process is about to end anyway.
            let _ = sender.send(());
        }
        lines.for_each(drop);
        std::process::exit(0)
    });
    started.await.context("the driver has ended")
}
