//! Reads AWS's clock: the `Date` header of each response, also of errors. A response without
//! an AWS request id is not of AWS: a proxy's error page has the proxy's time.

use std::time::SystemTime;

use aws_sdk_rekognition::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_rekognition::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_rekognition::error::BoxError;
use aws_sdk_rekognition::operation::RequestId as _;
use aws_sdk_rekognition::primitives::{DateTime, DateTimeFormat};

use crate::model::{Clock, ClockSource};

/// Passes the time of each response to the clock.
#[derive(Debug)]
pub(super) struct DateObserver(pub(super) Clock);

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for DateObserver {
    fn name(&self) -> &'static str {
        "DateObserver"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let date = response.headers().get("date");
        if let (Some(time), Some(_)) = (date.and_then(parse), response.request_id()) {
            self.0.observe(ClockSource::Aws, time);
        }
        Ok(())
    }
}

/// Parses an [HTTP date](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7).
fn parse(date: &str) -> Option<SystemTime> {
    let date = DateTime::from_str(date, DateTimeFormat::HttpDate).ok()?;
    SystemTime::try_from(date).ok()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_date_header_is_a_time() {
        let time = UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:37 GMT"), Some(time));
        assert_eq!(parse("yesterday"), None);
    }
}
