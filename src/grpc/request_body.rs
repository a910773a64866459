//! Reads a request whole before its handler starts, within limits of time and bytes.
//!
//! A peer that does not finish a request holds the bytes that have arrived, and no decoder or
//! handler. These bytes have a limit for each connection and each caller. A caller may also
//! hold no more than are still free, like its [share of requests](super::concurrency_limit).
//!
//! For example, a caller leaves 1500 requests of 8 KiB one byte short. 1024 of them hold
//! 8 MiB, the others fail, and 24 MiB are free for other callers.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Request;
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use tonic::Status;
use tonic::body::Body;

use super::MAX_REQUEST_BYTES;
use super::call::Call;
use super::concurrency_limit::ConcurrencyLimitExceeded;
use super::health::MAX_HEALTH_BYTES;
use super::method::RpcMethod;
use super::rpc_error::RpcError;
use crate::transport::{BodyTimeout, ByteCount, RequestBodyError, ResponseState};

/// The most bytes of unfinished requests: of a connection, of a caller, and in all.
const MAX_CONNECTION_BYTES: usize = 1 << 20;
const MAX_CALLER_BYTES: usize = 8 << 20;
const MAX_BYTES: usize = 32 << 20;

/// The bytes before a message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// The bytes that one unfinished request holds, in the counts that limit them. They are
/// released on drop.
#[derive(Debug, Default)]
pub(super) struct HeldBytes {
    pub(super) connection: ByteCount,
    pub(super) caller: ByteCount,
    pub(super) process: ByteCount,
    bytes: usize,
}

#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Limit(#[from] ConcurrencyLimitExceeded),
    #[error(transparent)]
    Body(#[from] Status),
}

/// Limits the time in which `body` must arrive.
pub(super) fn limit_time(
    body: Body,
    limit: Duration,
    response: Option<ResponseState>,
    id: &Arc<str>,
) -> Body {
    let id = id.clone();
    let body = BodyTimeout::new(limit, body, response);
    Body::new(body.map_err(move |error| match error {
        RequestBodyError::Timeout { limit } => {
            let error = RpcError::body_timeout(error.to_string(), limit);
            error.into_status(&id, None)
        }
        RequestBodyError::Read(status) => status,
    }))
}

/// Returns `request` with its whole body. Reflection sends more than one message, and an
/// unknown method reads none, so these requests are returned as they are. Dropped, it releases
/// what it has read.
pub(super) async fn receive(
    request: Request<Body>,
    held: HeldBytes,
    id: &str,
) -> Result<Request<Body>, Status> {
    let method = RpcMethod::of_path(request.uri().path());
    if method == RpcMethod::Other {
        return Ok(request);
    }
    let max = match method.operation() {
        Some(_) => MAX_REQUEST_BYTES,
        None => MAX_HEALTH_BYTES,
    };
    let (parts, body) = request.into_parts();
    match read(body, max, held).await {
        Ok(bytes) => Ok(Request::from_parts(parts, Body::new(Full::new(bytes)))),
        Err(ReadError::Body(status)) => Err(status),
        Err(ReadError::Limit(exceeded)) => {
            let patience = parts.extensions.get().and_then(Call::patience);
            Err(RpcError::concurrency_limit(exceeded).into_status(id, patience))
        }
    }
}

/// Reads `body` until it ends, or until it has bytes that `tonic` refuses: more than one
/// message of `max` bytes.
async fn read(mut body: Body, max: usize, mut held: HeldBytes) -> Result<Bytes, ReadError> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { break };
        // The usual case needs neither a copy nor a count.
        if read.is_empty() && body.is_end_stream() {
            return Ok(data);
        }
        // A copy, because `data` can be part of a larger buffer.
        read.extend_from_slice(&data);
        if is_refused(&read, max) {
            break;
        }
        held.hold(read.capacity())?;
    }
    Ok(read.freeze())
}

fn is_refused(read: &[u8], max: usize) -> bool {
    let length = match read {
        [_, a, b, c, d, ..] => u32::from_be_bytes([*a, *b, *c, *d]) as usize,
        _ => 0,
    };
    length > max || read.len() > PREFIX_BYTES + max
}

impl HeldBytes {
    /// Counts `bytes` instead of those before. Threads that do so at the same time can exceed
    /// a limit by one request each.
    fn hold(&mut self, bytes: usize) -> Result<(), ConcurrencyLimitExceeded> {
        let more = bytes.saturating_sub(self.bytes);
        let free = MAX_BYTES.saturating_sub(self.process.get());
        for (of, count, limit) in [
            ("connection", &self.connection, MAX_CONNECTION_BYTES),
            ("caller", &self.caller, MAX_CALLER_BYTES.min(free)),
        ] {
            if count.get() + more > limit {
                return Err(ConcurrencyLimitExceeded::Bytes { of, limit });
            }
        }
        self.bytes += more;
        for count in [&self.connection, &self.caller, &self.process] {
            count.add(more);
        }
        Ok(())
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        for count in [&self.connection, &self.caller, &self.process] {
            count.subtract(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _, stream};
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    const MAX: usize = MAX_REQUEST_BYTES;

    /// A body of `frames`, which then ends, or not.
    fn body(frames: Vec<Vec<u8>>, ends: bool) -> Body {
        let frames = frames
            .into_iter()
            .map(|data| Frame::data(Bytes::from(data)));
        let frames = stream::iter(frames.map(Ok::<_, Status>));
        Body::new(match ends {
            true => StreamBody::new(frames.boxed()),
            false => StreamBody::new(frames.chain(stream::pending()).boxed()),
        })
    }

    /// The start of a message of `length` bytes, of which `sent` have arrived.
    fn start(length: usize, sent: usize) -> Vec<u8> {
        let length = u32::try_from(length).expect("a short message");
        [&[0], &length.to_be_bytes()[..], &vec![7; sent]].concat()
    }

    /// Bytes of one request on a connection of its own.
    fn of_caller(caller: &ByteCount, process: &ByteCount) -> HeldBytes {
        let mut held = HeldBytes::default();
        (held.caller, held.process) = (caller.clone(), process.clone());
        held
    }

    /// Holds 8 KiB for each of as many requests as are permitted.
    fn fill(next: impl Fn() -> HeldBytes) -> Vec<HeldBytes> {
        let hold = || {
            let mut held = next();
            held.hold(8 << 10).ok().map(|()| held)
        };
        std::iter::from_fn(hold).collect()
    }

    #[test]
    fn a_request_is_read_whole() {
        let frames = vec![start(9, 0), vec![7; 4], vec![7; 5]];
        let read = read(body(frames, true), MAX, HeldBytes::default()).now_or_never();
        let read = read.expect("it has ended").expect("it is valid");
        assert_eq!(read, start(9, 9));
    }

    #[test]
    fn an_unfinished_request_holds_its_bytes_until_it_is_dropped() {
        let (caller, process) = (ByteCount::default(), ByteCount::default());
        let frames = vec![start(MAX, 3000), vec![7; 4000]];
        let held = of_caller(&caller, &process);
        let mut reading = Box::pin(read(body(frames, false), MAX, held));
        assert!(reading.as_mut().now_or_never().is_none());
        assert!((7005..16 << 10).contains(&caller.get()), "{caller:?}");
        assert_eq!(process.get(), caller.get());
        drop(reading);
        assert_eq!((caller.get(), process.get()), (0, 0));
    }

    #[test]
    fn a_message_that_is_too_long_is_not_waited_for() {
        for frames in [vec![start(MAX + 1, 0)], vec![start(9, MAX + 1)]] {
            let read = read(body(frames.clone(), false), MAX, HeldBytes::default());
            let read = read.now_or_never().expect("it returns at once");
            assert_eq!(read.expect("tonic refuses it"), frames.concat());
        }
    }

    #[test]
    fn a_connection_holds_at_most_1_mib() {
        let connection = ByteCount::default();
        let held = fill(|| {
            let mut held = HeldBytes::default();
            held.connection = connection.clone();
            held
        });
        assert_eq!(held.len(), 128);
        drop(held);
        assert_eq!(connection.get(), 0);
    }

    #[test]
    fn callers_that_hold_all_they_can_leave_bytes_for_another() {
        let process = ByteCount::default();
        let mut all = Vec::new();
        for mib in [8.0, 8.0, 8.0, 4.0, 2.0, 1.0, 0.5] {
            let caller = ByteCount::default();
            all.extend(fill(|| of_caller(&caller, &process)));
            assert_eq!(caller.get(), (mib * f64::from(1 << 20)) as usize);
        }
        drop(all);
        assert_eq!(process.get(), 0);
    }
}
