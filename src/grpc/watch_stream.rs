//! The stream of a `WatchSession` call: one message for each state.
//!
//! The stream pulls each state when the transport can send it, so a slow client receives
//! the newest one. Each delivered state has an audit record.

use futures_util::Stream;
use futures_util::stream;
use tonic::Status;

use super::audit_guard::AuditGuard;
use super::failure_log::FailureLog;
use super::rpc_error::RpcError;
use super::{convert, v1};
use crate::session::{ImageBytes, Watch};

/// A watch in progress. Dropping it ends the watch.
pub(super) struct WatchStream {
    pub(super) watch: Watch,
    pub(super) image_bytes: ImageBytes,
    pub(super) record: AuditGuard<'static>,
    pub(super) log: FailureLog,
}

impl WatchStream {
    /// Returns the messages, the last of which has a final status, or an error.
    pub(super) fn messages(
        self,
    ) -> impl Stream<Item = Result<v1::WatchSessionResponse, Status>> + Send {
        stream::unfold(Some(self), |state| async { Some(state?.next().await) })
    }

    /// Returns the next message, and the stream of those after it.
    async fn next(mut self) -> (Result<v1::WatchSessionResponse, Status>, Option<Self>) {
        match self.watch.next(&mut self.record.progress).await {
            Ok(state) => {
                let is_final = state.result.status.is_final();
                let result = convert::result(state, self.image_bytes);
                self.record.delivered(&result);
                let message = Ok(v1::WatchSessionResponse {
                    result: Some(result),
                });
                (message, (!is_final).then_some(self))
            }
            Err(error) => {
                let call = self.record.call.clone();
                let rpc_error = RpcError::from_session(&error, &call);
                self.log.record(&error, &rpc_error);
                self.record.finish(Err(&rpc_error));
                let status = rpc_error.into_status(&call.id, call.patience());
                (Err(status), None)
            }
        }
    }
}
