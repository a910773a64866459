//! Captures the log lines of a test at every level.
//!
//! One subscriber serves all tests and is installed before the first log line, because
//! `tracing` caches the interest of subscribers at the first use of each callsite. Each test
//! runs on one thread, so its lines are those of its thread.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry;

thread_local! {
    static CAPTURED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

static INSTALLED: Once = Once::new();

/// The log lines of this thread, until it is dropped.
pub(crate) struct Logs;

/// Installs the subscriber.
pub(crate) fn install() {
    INSTALLED.call_once(|| {
        let lines = layer().with_ansi(false).with_writer(|| ThisThread);
        let capturing = dynamic_filter_fn(|_, _| CAPTURED.with_borrow(Option::is_some));
        let subscriber = registry().with(lines.with_filter(capturing));
        tracing::subscriber::set_global_default(subscriber)
            .expect("no other subscriber is installed");
    });
}

impl Logs {
    pub(crate) fn captured() -> Self {
        install();
        CAPTURED.set(Some(Vec::new()));
        Self
    }

    pub(crate) fn text(&self) -> String {
        let bytes = CAPTURED.with_borrow(Clone::clone).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        CAPTURED.set(None);
    }
}

struct ThisThread;

impl io::Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        CAPTURED.with_borrow_mut(|captured| {
            if let Some(captured) = captured {
                captured.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
