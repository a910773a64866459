//! The files whose functions are on the call stack when an attempt leaves for AWS. Few
//! files mean that the path of a request can be read without jumping back and forth.
//!
//! `cargo test --test call_stack -- --nocapture` prints the list.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

use std::backtrace::Backtrace;
use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

#[path = "harness"]
mod harness {
    pub(crate) mod admin;
    #[expect(dead_code, reason = "only some tests use all of it")]
    pub(crate) mod caller;
    #[expect(dead_code, reason = "only the tests over pipes use all of it")]
    pub(crate) mod status;
}

#[path = "stack"]
mod stack {
    #[expect(dead_code, reason = "only some tests use all of it")]
    pub(crate) mod process;
}

use self::stack::process::{Process, at_once};

/// The most files on the path from the connection to the AWS SDK.
const MAX_FILES: usize = 6;

/// Captures a backtrace whenever the SDK begins an attempt.
#[derive(Clone, Default)]
struct AttemptStacks(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for AttemptStacks {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut is_attempt = IsAttempt(false);
        event.record(&mut is_attempt);
        if is_attempt.0 {
            let stack = Backtrace::force_capture().to_string();
            self.0.lock().unwrap().push(stack);
        }
    }
}

struct IsAttempt(bool);

impl Visit for IsAttempt {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0 |=
            field.name() == "message" && format!("{value:?}").starts_with("beginning attempt");
    }
}

/// Returns the files of the service on a stack, from the innermost frame on.
fn own_files(stack: &str) -> Vec<&str> {
    let frames = stack
        .lines()
        .filter_map(|line| line.trim().strip_prefix("at "));
    let own = frames.filter_map(|frame| frame.strip_prefix("./src/"));
    let mut files = Vec::new();
    for file in own.filter_map(|frame| frame.split(':').next()) {
        if !files.contains(&file) {
            files.push(file);
        }
    }
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_files_are_on_the_stack_when_an_attempt_leaves() {
    let stacks = AttemptStacks::default();
    let subscriber = tracing_subscriber::registry().with(stacks.clone());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let livegate = Process::start(at_once(), &[]).await;
    stacks.0.lock().unwrap().clear();
    livegate.caller().create().await.unwrap();
    let stacks = stacks.0.lock().unwrap();
    let files = own_files(stacks.last().expect("one attempt"));
    println!("{} files:\n{}", files.len(), files.join("\n"));
    assert!(files.contains(&"session/create.rs"), "{files:?}");
    assert!(files.len() <= MAX_FILES, "{files:?}");
}
