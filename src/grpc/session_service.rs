//! The two methods: who may ask, is it well asked, ask the domain, answer.
//!
//! An example: a caller that may not read results sends a malformed session id. It is
//! told `CALLER_NOT_ALLOWED`, which the audit has, and not what is malformed.

use std::time::Duration;

use tokio::time::Instant;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Request, Response, Status};

use super::audit_guard::Audited;
use super::call::Call;
use super::convert::{self, ImageBytes};
use super::handler_error::Failure;
use super::status::Explained;
use super::{v1, validation};
use crate::audit::Audit;
use crate::auth::policy::Authorizer;
use crate::model::{LivenessResult, Operation};
use crate::session::{AttemptStats, Creator, Progress, ResultReader, Session, SessionError};
use crate::upstream::LivenessApi;

/// Answers with the attempts that a call took.
pub(super) const ATTEMPTS_KEY: &str = "livegate-attempts";

/// Answers with the milliseconds that a call waited for the quota.
pub(super) const QUEUE_WAIT_KEY: &str = "livegate-queue-wait-ms";

/// The methods of `livegate.v1.SessionService`.
pub struct SessionService<A> {
    creator: Creator<A>,
    results: Option<ResultReader<A>>,
    authorizer: Authorizer,
    audit: Audit,
}

impl<A: LivenessApi> SessionService<A> {
    /// Issues by `creator`; reads results where there is a reader.
    pub fn new(creator: Creator<A>, results: Option<ResultReader<A>>) -> Self {
        Self {
            authorizer: creator.authorizer(),
            creator,
            results,
            audit: Audit::disabled(),
        }
    }

    /// The same, which leaves its lines in `audit`.
    #[must_use]
    pub fn audited(self, audit: Audit) -> Self {
        Self { audit, ..self }
    }

    async fn read(
        &self,
        request: &v1::GetSessionResultRequest,
        call: &Call,
    ) -> Result<Response<v1::GetSessionResultResponse>, Explained> {
        let audited = Audited::read(&self.audit, call, request);
        let read = self.result_of(request, call, audited.witness()).await;
        let (result, effort) = audited.finish(read)?;
        let image_bytes = if request.include_images {
            ImageBytes::Included
        } else {
            ImageBytes::Withheld
        };
        Ok(answer(convert::result(result, image_bytes), effort))
    }

    async fn create(
        &self,
        request: &v1::CreateSessionRequest,
        call: &Call,
    ) -> Result<Response<v1::CreateSessionResponse>, Explained> {
        let audited = Audited::create(&self.audit, call, request);
        let session = self.session_of(request, call, audited.witness()).await;
        let session = audited.finish(session)?;
        let message = v1::CreateSessionResponse {
            session: Some(convert::session(&session)),
        };
        Ok(answer(message, session.stats))
    }

    async fn result_of(
        &self,
        request: &v1::GetSessionResultRequest,
        call: &Call,
        witness: Progress,
    ) -> Result<(LivenessResult, AttemptStats), Failure> {
        let checked = self.authorizer.check(&call.caller, Operation::Results);
        checked.map_err(SessionError::from)?;
        let results = self.results.as_ref().ok_or(Failure::ResultsDisabled)?;
        let reading = validation::result(request, results.token_requirement(), call, witness);
        let reading = reading.map_err(Failure::Invalid)?;
        Ok(results.read(&reading).await?)
    }

    async fn session_of(
        &self,
        request: &v1::CreateSessionRequest,
        call: &Call,
        witness: Progress,
    ) -> Result<Session, Failure> {
        let checked = self.authorizer.check(&call.caller, Operation::Create);
        checked.map_err(SessionError::from)?;
        let order = validation::create(request, call, witness).map_err(Failure::Invalid)?;
        Ok(self.creator.create(&order).await?)
    }
}

#[tonic::async_trait]
impl<A: LivenessApi> v1::session_service_server::SessionService for SessionService<A> {
    async fn create_session(
        &self,
        request: Request<v1::CreateSessionRequest>,
    ) -> Result<Response<v1::CreateSessionResponse>, Status> {
        let call = known(request.extensions())?;
        self.create(request.get_ref(), call)
            .await
            .map_err(|explained| leave(explained, call))
    }

    async fn get_session_result(
        &self,
        request: Request<v1::GetSessionResultRequest>,
    ) -> Result<Response<v1::GetSessionResultResponse>, Status> {
        let call = known(request.extensions())?;
        self.read(request.get_ref(), call)
            .await
            .map_err(|explained| leave(explained, call))
    }
}

/// The call that the edge made known.
fn known(extensions: &tonic::Extensions) -> Result<&Call, Status> {
    let missing = || Explained::internal().into_status("", None, Instant::now());
    extensions.get::<Call>().ok_or_else(missing)
}

fn leave(explained: Explained, call: &Call) -> Status {
    explained.into_status(&call.id, Some(call), Instant::now())
}

fn answer<T>(message: T, effort: AttemptStats) -> Response<T> {
    let mut response = Response::new(message);
    note(
        response.metadata_mut(),
        ATTEMPTS_KEY,
        u64::from(effort.attempts),
    );
    note(
        response.metadata_mut(),
        QUEUE_WAIT_KEY,
        millis(effort.waited),
    );
    response
}

fn note(metadata: &mut MetadataMap, key: &'static str, value: u64) {
    metadata.insert(key, MetadataValue::from(value));
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
