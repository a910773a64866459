//! 1000 clients, each with a session of its own. 25 sessions are issued each second.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use livegate::admission::{Admission, AdmissionSettings, QueueSettings, QuotaSettings};
use livegate::auth::policy::{Authorizer, DefaultPermission, Policy};
use livegate::model::{CallerId, Deadline, MinimumConfidence, Operation, SessionId, SessionStatus};
use livegate::result_token::{Binding, SigningKey, TokenKeys};
use livegate::retry::{RetryPolicy, RetrySettings};
use livegate::session::{
    AttemptPolicy, ImageBytes, Ownership, Progress, ResultReader, ResultRequest, TokenRequirement,
    Verdict, WatchSettings,
};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::figures::Figures;
use super::upstream::{Check, QUOTA, Upstream};

const CLIENTS: u32 = 1000;
const CALLERS: u32 = 10;
const REGION: &str = "eu-west-1";
const SECOND: Duration = Duration::from_secs(1);

/// How the clients learn the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Watch,
    ReadEachSecond,
}

/// Runs all clients, and returns their figures.
pub(crate) async fn run(client: Client) -> Figures {
    let mut rng = fastrand::Rng::with_seed(7);
    let start = Instant::now() + 10 * SECOND;
    let sessions: Vec<(SessionId, Check, Instant)> = (0..CLIENTS)
        .map(|number| {
            let issued_at = start + SECOND * number / 25;
            let check = Check::issued_at(issued_at, &mut rng);
            (session(number), check, issued_at)
        })
        .collect();
    let checks: HashMap<_, _> = sessions
        .iter()
        .map(|(id, check, _)| (*id, *check))
        .collect();
    let upstream = Arc::new(Upstream::new(checks));
    let keys = keys();
    let reader = Arc::new(reader(&upstream, &keys, QueueSettings::default()));
    let mut clients = JoinSet::new();
    for (number, (id, check, issued_at)) in sessions.into_iter().enumerate() {
        let caller = format!("caller-{}", number as u32 % CALLERS);
        let request = request(&caller, id, &keys);
        let reader = reader.clone();
        clients.spawn(async move {
            sleep_until(issued_at).await;
            let delivered = match client {
                Client::Watch => watch(&reader, request).await,
                Client::ReadEachSecond => read_each_second(&reader, request, &check).await,
            };
            let finished_at = check.finished_at()?;
            let in_time = delivered.filter(|at| *at < check.expires_at);
            Some(in_time.map(|at| at.saturating_duration_since(finished_at)))
        });
    }
    let delays = clients.join_all().await;
    let delays: Vec<Option<Duration>> = delays.into_iter().flatten().collect();
    Figures::new(&delays, upstream.calls())
}

/// Returns the id of a session.
pub(crate) fn session(number: u32) -> SessionId {
    let id = format!("0b5e3a4c-7d57-4f0e-9a51-{number:012x}");
    SessionId::parse(&id).unwrap()
}

/// Returns the first two states of a watch that is read only after its check has finished.
pub(crate) async fn read_late() -> Vec<SessionStatus> {
    let session = session(1);
    let mut rng = fastrand::Rng::with_seed(0);
    let used = |check: &Check| check.finished_at().is_some();
    let checks = std::iter::repeat_with(|| Check::issued_at(Instant::now(), &mut rng));
    let check = checks.filter(|check| used(check)).take(1).last().unwrap();
    let upstream = Arc::new(Upstream::new(HashMap::from([(session, check)])));
    let keys = keys();
    let reader = reader(&upstream, &keys, QueueSettings::default());
    let mut watch = reader.watch(&request("caller-0", session, &keys)).unwrap();
    let first = watch.next(&mut Progress::default()).await.unwrap();
    sleep_until(check.finished_at().unwrap() + 20 * SECOND).await;
    let second = watch.next(&mut Progress::default()).await.unwrap();
    vec![first.result.status, second.result.status]
}

/// Returns when the watch delivered a pass.
async fn watch(reader: &ResultReader<Upstream>, request: ResultRequest) -> Option<Instant> {
    let mut watch = reader.watch(&request).unwrap();
    loop {
        let state = watch.next(&mut Progress::default()).await.unwrap();
        if state.result.status.is_final() {
            let has_passed = state.verdict == Some(Verdict::Passed);
            return has_passed.then(Instant::now);
        }
    }
}

/// Returns when a read delivered a pass. A refused client reads again after a second too.
async fn read_each_second(
    reader: &ResultReader<Upstream>,
    mut request: ResultRequest,
    check: &Check,
) -> Option<Instant> {
    while Instant::now() < check.expires_at {
        let next = Instant::now() + SECOND;
        request.deadline = Deadline::after(Instant::now(), 5 * SECOND);
        let read = reader.read(&request, &mut Progress::default()).await;
        if let Ok(state) = read
            && state.result.status.is_final()
        {
            let has_passed = state.verdict == Some(Verdict::Passed);
            return has_passed.then(Instant::now);
        }
        sleep_until(next).await;
    }
    None
}

pub(crate) fn keys() -> TokenKeys {
    TokenKeys::new(SigningKey::new(&[1; 32]).unwrap(), Vec::new()).unwrap()
}

/// Returns a reader whose callers have the limits of `callers`.
pub(crate) fn reader(
    upstream: &Arc<Upstream>,
    keys: &TokenKeys,
    callers: QueueSettings,
) -> ResultReader<Upstream> {
    let count = |number| NonZeroU32::new(number).unwrap();
    let admission = Admission::open(AdmissionSettings {
        quota: QuotaSettings {
            rate_per_second: QUOTA,
            burst: count(5),
            target_utilization: 0.98,
            max_wait: 10 * SECOND,
        },
        callers,
        adaptive: true,
        check_limit: None,
    });
    let retry = RetryPolicy::new(&RetrySettings {
        max_attempts: count(4),
        base_delay: SECOND / 10,
        max_delay: 2 * SECOND,
        budget_ratio: 0.1,
        budget_floor_per_second: 1.0,
    });
    ResultReader::new(
        upstream.clone(),
        AttemptPolicy::new(Operation::Results, admission, Arc::new(retry)),
        Ownership::new(keys.clone(), REGION),
        TokenRequirement::Required,
        &WatchSettings::default(),
    )
}

/// Returns the request of `caller` for the result of `session`, without a limit of time.
pub(crate) fn request(caller: &str, session: SessionId, keys: &TokenKeys) -> ResultRequest {
    let caller = CallerId::new(caller).unwrap();
    let binding = Binding {
        caller: &caller,
        subject: None,
        region: REGION,
        session: &session,
    };
    // The wall clock does not follow paused time.
    let expire_time = UNIX_EPOCH + Duration::from_secs(1 << 40);
    let token = keys.issue(&binding, expire_time);
    let authorizer = Authorizer::new(Policy::default(), DefaultPermission::Allow);
    ResultRequest {
        permissions: authorizer.permissions(&caller),
        caller,
        subject: None,
        session,
        token: Some(token),
        image_bytes: ImageBytes::Omitted,
        minimum_confidence: MinimumConfidence::new(90.0).ok(),
        deadline: Deadline::after(Instant::now(), 1000 * SECOND),
    }
}
