//! Livegate issues Amazon Rekognition Face Liveness sessions to internal services
//! over gRPC, within the quota that AWS grants one account and region.
//!
//! # The path of a request
//!
//! ```text
//! bytes -> transport: TLS, HTTP/2, limits on connections, bytes and time
//!       -> grpc: caller, deadline, permission for the method, validation (all violations
//!          at once), permission for the fields
//!       -> session: idempotency -> loop { permit -> attempt -> classify -> delay } -> answer
//!       -> upstream: one attempt through the AWS SDK, whose own retries are off
//!       -> grpc::status: one exhaustive match from the domain's error to code and details
//! ```
//!
//! Every attempt, including a retry, costs one quota token, because AWS counts attempts
//! and not requests.
//!
//! # Modules
//!
//! A module imports only the modules in its row, and those stand above it, so there are
//! no cycles. `tests/architecture.rs` reads this table and checks every file against it.
//!
//! | module | owns | imports |
//! | --- | --- | --- |
//! | [`model`] | identifiers, request and result types, deadlines, the clock, values per caller, peer addresses, token buckets | |
//! | [`change`] | detection of changes: of files, and of conditions to log | |
//! | [`egress`] | connections to other servers, through a proxy if one is set | |
//! | [`telemetry`] | logs and traces | `change`, `egress` |
//! | [`transport`] | listener, TLS, HTTP/2 connections and streams, their limits | `model`, `change` |
//! | [`shutdown`] | signals and the phases of a shutdown | |
//! | [`single_flight`] | values that concurrent requests with the same key share | |
//! | [`store`] | the Redis or Valkey connection that adapters share | `change` |
//! | [`upstream`] | the port to AWS: one attempt in, one outcome out | `model` |
//! | [`upstream::aws`] | the adapter to the AWS SDK | `model`, `upstream` |
//! | [`admission`] | the quota of one operation: queue, rate limit, adaptive rate | `model`, `change`, `store` |
//! | [`retry`] | whether and when to retry: classification, delays, budget | `model`, `upstream` |
//! | [`idempotency`] | one session for each request id, within and across replicas | `model`, `change`, `single_flight`, `store` |
//! | [`result_token`] | the tokens that bind a session to its caller | `model` |
//! | [`auth`] | authentication and authorization | `model`, `change`, `egress` |
//! | [`audit`] | one line for each session that is issued or read | `model`, `change` |
//! | [`session`] | creating sessions, reading and watching their results | `model`, `single_flight`, `upstream`, `admission`, `retry`, `idempotency`, `result_token`, `auth` |
//! | `grpc::v1` | the generated protobuf types | |
//! | [`grpc`] | the gRPC service: validation, conversion, status | `model`, `telemetry`, `transport`, `upstream`, `admission`, `result_token`, `auth`, `audit`, `session`, `grpc::v1` |
//! | [`admin`] | the HTTP port for probes, metrics and the status page | |
//! | [`config`] | configuration keys; fills in each module's own settings type | `model`, `telemetry`, `transport`, `shutdown`, `store`, `upstream::aws`, `admission`, `retry`, `idempotency`, `auth`, `audit`, `grpc`, `admin` |
//! | [`app`] | composition: builds the parts, connects them, reloads them | `model`, `change`, `telemetry`, `transport`, `shutdown`, `store`, `upstream`, `upstream::aws`, `admission`, `retry`, `idempotency`, `result_token`, `auth`, `audit`, `session`, `grpc`, `admin`, `config` |
//! | [`cli`] | the commands | `model`, `telemetry`, `shutdown`, `store`, `upstream::aws`, `auth`, `audit`, `config`, `app` |
//! | `main` | the process: arguments and runtime | `cli` |
//!
//! Two crates have users of their own: `livegate-simulator`, the AWS of the demo and the
//! tests, and `livegate-client`, which Rust callers depend on. Neither depends on this one.
//!
//! # Glossary
//!
//! - **Adaptive rate**: the rate falls while AWS throttles below the configured quota and
//!   recovers afterwards, by
//!   [AIMD](https://en.wikipedia.org/wiki/Additive_increase/multiplicative_decrease).
//! - **Admission**: the decision whether, and when, a request gets a quota token.
//! - **Attempt**: one call to AWS. A request makes one or more.
//! - **Burst**: the number of calls that may leave at once after an idle period; the depth
//!   of the token bucket.
//! - **Caller**: an internal service that calls Livegate, known by its authenticated name.
//! - **Deadline**: the time after which an answer is useless to its caller
//!   ([gRPC deadlines](https://grpc.io/docs/guides/deadlines/)).
//! - **Deficit round robin**: the scheduling of the callers' queues by weight
//!   ([Shreedhar and Varghese, 1995](https://doi.org/10.1145/217391.217453)).
//! - **EWMA**: an
//!   [exponentially weighted moving average](https://en.wikipedia.org/wiki/Exponential_smoothing).
//! - **Full jitter**: a delay drawn uniformly from zero to the current exponential bound
//!   ([AWS Architecture Blog](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)).
//! - **GCRA**: the [generic cell rate algorithm](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm),
//!   a token bucket that stores one timestamp.
//! - **Goodput**: sessions that callers receive within their deadlines, per second.
//! - **Idempotency**: repeating a request with the same request id returns the same session.
//! - **Jain's index**: a [measure of fairness](https://en.wikipedia.org/wiki/Fairness_measure)
//!   between 1/n and 1.
//! - **JWKS**: a JSON Web Key Set ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)), the
//!   public keys that verify bearer tokens.
//! - **Late binding**: a quota token is assigned to a waiting request when it becomes
//!   available, not when the request arrives, so a cancelled request costs none.
//! - **mTLS**: TLS in which the client presents a certificate as well
//!   ([RFC 8705](https://www.rfc-editor.org/rfc/rfc8705)).
//! - **Permit**: the guard that grants one attempt; it has consumed a quota token.
//! - **Profile**: session settings that operators define and callers select by name.
//! - **Pushback**: the trailer `grpc-retry-pushback-ms` with which a server controls client
//!   retries ([gRPC retry design](https://github.com/grpc/proposal/blob/master/A6-client-retries.md)).
//! - **Quota token**: the right to one call within AWS's rate.
//! - **Replay**: an answer from the record of an earlier call with the same request id.
//! - **Request id**: the caller's idempotency key, a UUID.
//! - **Result token**: the token that comes with a session and is needed to read its result.
//! - **Retry budget**: a limit on retries as a share of successes
//!   ([Google SRE book](https://sre.google/sre-book/addressing-cascading-failures/)).
//! - **RetryInfo**: the [standard error detail](https://google.aip.dev/193) that tells a
//!   client when to retry.
//! - **Single flight**: concurrent requests with the same request id, and reads of the same
//!   session, share one execution
//!   ([golang.org/x/sync/singleflight](https://pkg.go.dev/golang.org/x/sync/singleflight)).
//! - **Subject**: the end user for whom a session is created; it is hashed before it is
//!   stored or logged.
//! - **Verdict**: whether a check passed, by its status and a minimum confidence.
//! - **Watch**: a stream of a session's states, up to the final result.
//! - **Token bucket**: the [rate limit](https://en.wikipedia.org/wiki/Token_bucket) that AWS
//!   applies, and that Livegate applies before it.

pub mod admin;
pub mod admission;
pub mod app;
pub mod audit;
pub mod auth;
pub mod change;
pub mod cli;
pub mod config;
pub mod egress;
pub mod grpc;
pub mod idempotency;
pub mod model;
pub mod result_token;
pub mod retry;
pub mod session;
pub mod shutdown;
pub mod single_flight;
pub mod store;
pub mod telemetry;
pub mod transport;
pub mod upstream;
