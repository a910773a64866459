//! A response: the message, and the service's figures in its headers.

use std::str::FromStr;
use std::time::Duration;

use tonic::Response;
use tonic::metadata::MetadataMap;

const ATTEMPTS_KEY: &str = "livegate-attempts";
const CALL_ID_KEY: &str = "livegate-call-id";
const QUEUE_WAIT_KEY: &str = "livegate-queue-wait-ms";

/// A response, and how the service produced it.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientResponse<T> {
    /// The message.
    pub message: T,
    /// How many attempts the service made at AWS.
    pub attempts: u64,
    /// How long the request waited in the service's queue for the quota.
    pub waited: Duration,
    /// The id of the call in the service's logs.
    pub call_id: Option<String>,
    /// How many retries this client made.
    pub retries: u32,
}

impl<T> ClientResponse<T> {
    pub(crate) fn new(response: Response<T>, retries: u32) -> Self {
        let headers = response.metadata();
        Self {
            attempts: header(headers, ATTEMPTS_KEY).unwrap_or_default(),
            waited: Duration::from_millis(header(headers, QUEUE_WAIT_KEY).unwrap_or_default()),
            call_id: header(headers, CALL_ID_KEY),
            retries,
            message: response.into_inner(),
        }
    }
}

fn header<V: FromStr>(headers: &MetadataMap, key: &str) -> Option<V> {
    headers.get(key)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(headers: &[(&'static str, &str)]) -> ClientResponse<&'static str> {
        let mut response = Response::new("session");
        for (key, value) in headers {
            let value = value.parse().expect("ASCII");
            response.metadata_mut().insert(*key, value);
        }
        ClientResponse::new(response, 1)
    }

    #[test]
    fn the_figures_are_read_from_the_headers() {
        let headers = [
            (ATTEMPTS_KEY, "2"),
            (QUEUE_WAIT_KEY, "250"),
            (CALL_ID_KEY, "a1"),
        ];
        let expected = ClientResponse {
            message: "session",
            attempts: 2,
            waited: Duration::from_millis(250),
            call_id: Some("a1".to_owned()),
            retries: 1,
        };
        assert_eq!(response(&headers), expected);
    }

    #[test]
    fn a_header_that_is_absent_or_not_a_number_counts_as_zero() {
        let expected = ClientResponse {
            message: "session",
            attempts: 0,
            waited: Duration::ZERO,
            call_id: None,
            retries: 1,
        };
        assert_eq!(response(&[]), expected);
        assert_eq!(
            response(&[(ATTEMPTS_KEY, "many"), (QUEUE_WAIT_KEY, "-1")]),
            expected
        );
    }
}
