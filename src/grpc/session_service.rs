//! The two methods: check the caller's permission, validate the request, run it in the
//! domain, convert the result.
//!
//! For example, a caller that is not allowed to read results sends a malformed session
//! id. It receives `CALLER_NOT_ALLOWED`, which the audit records, and no violations.

use std::time::Duration;

use tokio::time::Instant;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status};

use super::audit_guard::AuditGuard;
use super::call::Call;
use super::convert::{self, ImageBytes};
use super::failure_log::FailureLog;
use super::handler_error::HandlerError;
use super::rpc_error::RpcError;
use super::{v1, validation};
use crate::audit::Audit;
use crate::auth::policy::Authorizer;
use crate::model::{LivenessResult, Operation};
use crate::session::{AttemptStats, Creator, Progress, ResultReader, Session, SessionError};
use crate::upstream::LivenessApi;

/// The response metadata with the number of attempts.
pub(super) const ATTEMPTS_KEY: &str = "livegate-attempts";

/// The response metadata with the time in the queue, in milliseconds.
pub(super) const QUEUE_WAIT_KEY: &str = "livegate-queue-wait-ms";

/// The methods of `livegate.v1.SessionService`.
pub struct SessionService<A> {
    creator: Creator<A>,
    results: Option<ResultReader<A>>,
    authorizer: Authorizer,
    audit: Audit,
    log: FailureLog,
}

impl<A: LivenessApi> SessionService<A> {
    /// Creates sessions with `creator`, and reads results if there is a reader.
    pub fn new(creator: Creator<A>, results: Option<ResultReader<A>>) -> Self {
        Self {
            authorizer: creator.authorizer(),
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

    async fn answer_result(
        &self,
        request: &v1::GetSessionResultRequest,
        call: &Call,
    ) -> Result<Response<v1::GetSessionResultResponse>, RpcError> {
        let guard = AuditGuard::read(&self.audit, call, request);
        let result = self.read(request, call, guard.progress()).await;
        let (result, stats) = guard.finish(result, &self.log)?;
        let image_bytes = if request.include_images {
            ImageBytes::Included
        } else {
            ImageBytes::Omitted
        };
        Ok(response(convert::result(result, image_bytes), stats))
    }

    async fn answer_create(
        &self,
        request: &v1::CreateSessionRequest,
        call: &Call,
    ) -> Result<Response<v1::CreateSessionResponse>, RpcError> {
        let guard = AuditGuard::create(&self.audit, call, request);
        let session = self.create(request, call, guard.progress()).await;
        let session = guard.finish(session, &self.log)?;
        let message = v1::CreateSessionResponse {
            session: Some(convert::session(&session)),
        };
        Ok(response(message, session.stats))
    }

    async fn read(
        &self,
        request: &v1::GetSessionResultRequest,
        call: &Call,
        progress: Progress,
    ) -> Result<(LivenessResult, AttemptStats), HandlerError> {
        let checked = self.authorizer.check(&call.caller, Operation::Results);
        checked.map_err(SessionError::from)?;
        let results = self.results.as_ref().ok_or(HandlerError::ResultsDisabled)?;
        let request = validation::result(request, results.token_requirement(), call, progress);
        let request = request.map_err(HandlerError::Invalid)?;
        Ok(results.read(&request).await?)
    }

    async fn create(
        &self,
        request: &v1::CreateSessionRequest,
        call: &Call,
        progress: Progress,
    ) -> Result<Session, HandlerError> {
        let checked = self.authorizer.check(&call.caller, Operation::Create);
        checked.map_err(SessionError::from)?;
        let request = validation::create(
            request,
            self.creator.request_id_requirement(),
            call,
            progress,
        );
        let request = request.map_err(HandlerError::Invalid)?;
        Ok(self.creator.create(&request).await?)
    }
}

#[tonic::async_trait]
impl<A: LivenessApi> v1::session_service_server::SessionService for SessionService<A> {
    async fn create_session(
        &self,
        request: Request<v1::CreateSessionRequest>,
    ) -> Result<Response<v1::CreateSessionResponse>, Status> {
        let call = call_of(request.extensions())?;
        self.answer_create(request.get_ref(), call)
            .await
            .map_err(|error| to_status(error, call))
    }

    async fn get_session_result(
        &self,
        request: Request<v1::GetSessionResultRequest>,
    ) -> Result<Response<v1::GetSessionResultResponse>, Status> {
        let call = call_of(request.extensions())?;
        self.answer_result(request.get_ref(), call)
            .await
            .map_err(|error| to_status(error, call))
    }
}

/// Returns the call that the middleware added.
fn call_of(extensions: &tonic::Extensions) -> Result<&Call, Status> {
    let missing = || RpcError::internal().into_status("", None, Instant::now());
    extensions.get::<Call>().ok_or_else(missing)
}

fn to_status(error: RpcError, call: &Call) -> Status {
    error.into_status(&call.id, Some(call), Instant::now())
}

fn response<T>(message: T, stats: AttemptStats) -> Response<T> {
    let mut response = Response::new(message);
    let metadata = response.metadata_mut();
    metadata.insert(ATTEMPTS_KEY, MetadataValue::from(u64::from(stats.attempts)));
    metadata.insert(QUEUE_WAIT_KEY, MetadataValue::from(millis(stats.waited)));
    response
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
