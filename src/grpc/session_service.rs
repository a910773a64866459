//! The methods: validate the request, run it in the domain, convert the result.
//!
//! The middleware has checked that the caller may use the method. For example, a caller that
//! may not read results sends a malformed session id: it receives `CALLER_NOT_ALLOWED`, and
//! no violations.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::time::Instant;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status};

use super::audit_guard::AuditGuard;
use super::call::{Call, DeadlineSource};
use super::convert;
use super::failure_log::FailureLog;
use super::rpc_error::RpcError;
use super::watch_stream::WatchStream;
use super::{v1, validation};
use crate::audit::Audit;
use crate::model::{Deadline, SESSION_LIFE};
use crate::session::{Creator, ImageBytes, Progress, ResultReader, Session, SessionError, Watch};
use crate::upstream::LivenessApi;

/// The response metadata with the number of attempts.
pub(super) const ATTEMPTS_KEY: &str = "livegate-attempts";

/// The response metadata with the time in the queue, in milliseconds.
pub(super) const QUEUE_WAIT_KEY: &str = "livegate-queue-wait-ms";

/// The response metadata with the source of a result.
const SERVED_KEY: &str = "livegate-served";

/// The methods of `livegate.v1.SessionService`.
pub struct SessionService<A> {
    creator: Creator<A>,
    results: Option<ResultReader<A>>,
    audit: Audit,
    log: FailureLog,
}

impl<A: LivenessApi> SessionService<A> {
    /// Creates sessions with `creator`, and reads results if there is a reader.
    pub fn new(creator: Creator<A>, results: Option<ResultReader<A>>) -> Self {
        Self {
            creator,
            results,
            audit: Audit::disabled(),
            log: FailureLog::default(),
        }
    }

    /// Writes audit records to `audit`.
    #[must_use]
    pub fn audited(self, audit: Audit) -> Self {
        Self { audit, ..self }
    }

    pub(super) fn audit(&self) -> &Audit {
        &self.audit
    }

    pub(super) fn failure_log(&self) -> &FailureLog {
        &self.log
    }

    async fn create(
        &self,
        request: &v1::CreateSessionRequest,
        call: &Call,
        progress: &mut Progress,
    ) -> Result<Session, RpcError> {
        let requirement = self.creator.request_id_requirement();
        let request = validation::create(request, requirement, call);
        let request = request.map_err(RpcError::invalid)?;
        let session = self.creator.create(&request, progress).await;
        session.map_err(|error| self.fail(&error, call))
    }

    fn watch(
        &self,
        request: &v1::GetSessionResultRequest,
        call: &Call,
    ) -> Result<(Watch, ImageBytes), RpcError> {
        let results = self.results.as_ref();
        let results = results.ok_or_else(RpcError::results_disabled)?;
        let request = validation::result(request, results.token_requirement(), call);
        let mut request = request.map_err(RpcError::invalid)?;
        if call.deadline_source == DeadlineSource::Default {
            request.deadline = Deadline::after(Instant::now(), SESSION_LIFE);
        }
        let watch = results.watch(&request);
        let watch = watch.map_err(|error| self.fail(&error, call))?;
        Ok((watch, request.image_bytes))
    }

    async fn read(
        &self,
        request: &v1::GetSessionResultRequest,
        call: &Call,
        progress: &mut Progress,
    ) -> Result<v1::GetSessionResultResponse, RpcError> {
        let results = self.results.as_ref();
        let results = results.ok_or_else(RpcError::results_disabled)?;
        let request = validation::result(request, results.token_requirement(), call);
        let request = request.map_err(RpcError::invalid)?;
        let result = results.read(&request, progress).await;
        let result = result.map_err(|error| self.fail(&error, call))?;
        Ok(convert::result(result, request.image_bytes))
    }

    /// Maps `error`, and logs it.
    fn fail(&self, error: &SessionError, call: &Call) -> RpcError {
        let rpc_error = RpcError::from_session(error, call);
        self.log.record(error, &rpc_error);
        rpc_error
    }
}

/// Returns the read that a watch repeats. The deadline of a watch is optional, because it
/// ends with its session.
fn as_read(request: v1::WatchSessionRequest) -> v1::GetSessionResultRequest {
    v1::GetSessionResultRequest {
        session_id: request.session_id,
        include_images: request.include_images,
        subject: request.subject,
        result_token: request.result_token,
        minimum_confidence: request.minimum_confidence,
    }
}

#[tonic::async_trait]
impl<A: LivenessApi> v1::session_service_server::SessionService for SessionService<A> {
    async fn create_session(
        &self,
        request: Request<v1::CreateSessionRequest>,
    ) -> Result<Response<v1::CreateSessionResponse>, Status> {
        let (call, request) = (call_of(request.extensions())?, request.get_ref());
        let mut record = AuditGuard::create(&self.audit, call, request);
        let session = self.create(request, call, &mut record.progress).await;
        let response = session.map(|session| v1::CreateSessionResponse {
            session: Some(convert::session(&session)),
        });
        answer(response, record)
    }

    async fn get_session_result(
        &self,
        request: Request<v1::GetSessionResultRequest>,
    ) -> Result<Response<v1::GetSessionResultResponse>, Status> {
        let (call, request) = (call_of(request.extensions())?, request.get_ref());
        let mut record = AuditGuard::read(&self.audit, call, request);
        let result = self.read(request, call, &mut record.progress).await;
        if let Ok(response) = &result {
            record.read_by_caller(response);
        }
        let served = record.progress.served.as_str();
        let mut response = answer(result, record)?;
        let metadata = response.metadata_mut();
        metadata.insert(SERVED_KEY, MetadataValue::from_static(served));
        Ok(response)
    }

    type WatchSessionStream = BoxStream<'static, Result<v1::WatchSessionResponse, Status>>;

    async fn watch_session(
        &self,
        request: Request<v1::WatchSessionRequest>,
    ) -> Result<Response<Self::WatchSessionStream>, Status> {
        let call = call_of(request.extensions())?.clone();
        let request = as_read(request.into_inner());
        let record = AuditGuard::watch(&self.audit, &call, &request);
        match self.watch(&request, &call) {
            Ok((watch, image_bytes)) => {
                let log = self.log.clone();
                let stream = WatchStream {
                    watch,
                    image_bytes,
                    record,
                    log,
                };
                Ok(Response::new(stream.messages().boxed()))
            }
            Err(error) => answer(Err(error), record),
        }
    }
}

/// Returns the call that the middleware added.
fn call_of(extensions: &tonic::Extensions) -> Result<&Call, Status> {
    let missing = || RpcError::internal().into_status("", None);
    extensions.get::<Call>().ok_or_else(missing)
}

/// Completes the record of a call, and returns its response or status.
fn answer<T>(message: Result<T, RpcError>, record: AuditGuard<'_>) -> Result<Response<T>, Status> {
    let call = record.call.clone();
    let (attempts, waited) = (record.progress.attempts, record.progress.waited);
    record.finish(message.as_ref().map(|_| ()));
    match message {
        Ok(message) => {
            let mut response = Response::new(message);
            let metadata = response.metadata_mut();
            metadata.insert(ATTEMPTS_KEY, MetadataValue::from(u64::from(attempts)));
            metadata.insert(QUEUE_WAIT_KEY, MetadataValue::from(millis(waited)));
            Ok(response)
        }
        Err(error) => Err(error.into_status(&call.id, call.patience())),
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
