//! An answer before it is bytes: status, what stands in the headers, body.
//!
//! A true error of AWS has its code in `__type` and `Code`; scripted ones put
//! it elsewhere, or leave the message out, as services and proxies do.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::fault::{ErrorAnswer, Page};
use super::refusal::Refusal;

const AWS_JSON: &str = "application/x-amz-json-1.1";
const HTML: &str = "<html>\r\n<head><title>Bad gateway</title></head>\r\n<body>\r\n\
     <center><h1>The upstream server is not available</h1></center>\r\n</body>\r\n</html>\r\n";
const XML: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code>\
     <Message>simulated fault: an error in XML</Message></Error></ErrorResponse>";

/// An answer, whole or cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: Option<&'static str>,
    /// Whether AWS answers: a proxy knows no request id.
    pub(super) from_aws: bool,
    /// The `x-amzn-errortype` header.
    pub(super) error_type: Option<String>,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: String,
    /// Sends the first half of the body, having promised the whole.
    pub(super) cut_off: bool,
}

impl Reply {
    pub(super) fn json(status: u16, document: &Value) -> Self {
        Self {
            status,
            content_type: Some(AWS_JSON),
            from_aws: true,
            error_type: None,
            retry_after: None,
            body: document.to_string(),
            cut_off: false,
        }
    }

    pub(super) fn refusal(refusal: &Refusal) -> Self {
        let error = ErrorAnswer::new(refusal.code, refusal.status);
        Self::error(&error, &refusal.message)
    }

    /// An error that was ordered, with the message that AWS has for its code.
    pub(super) fn ordered(error: &ErrorAnswer) -> Self {
        Self::error(error, message(&error.code))
    }

    pub(super) fn page(page: Page, status: u16) -> Self {
        let plain = Self {
            from_aws: false,
            ..Self::json(status, &Value::Null)
        };
        let (content_type, body) = match page {
            Page::Html => (Some("text/html"), HTML),
            Page::Xml => (Some("text/xml"), XML),
            Page::Empty => (Some(AWS_JSON), ""),
            Page::Bare => (None, ""),
        };
        let from_aws = matches!(page, Page::Xml | Page::Empty);
        Self {
            content_type,
            from_aws,
            body: body.to_owned(),
            ..plain
        }
    }

    fn error(error: &ErrorAnswer, message: &str) -> Self {
        let mut document = json!({"Logref": Uuid::new_v4().to_string()});
        let space = if error.namespace {
            "com.amazonaws.rekognition#"
        } else {
            ""
        };
        let full = format!("{space}{}", error.code);
        if !error.header_code {
            document["__type"] = json!(full);
            document["Code"] = json!(error.code);
        }
        if !error.no_message {
            document["Message"] = json!(message);
        }
        let error_type = error.header_code.then_some(full);
        Self {
            error_type,
            ..Self::json(error.status, &document)
        }
    }
}

/// AWS's words for the codes that have any.
fn message(code: &str) -> &'static str {
    match code {
        "ThrottlingException" => "Rate exceeded",
        "ProvisionedThroughputExceededException" => "Provisioned rate exceeded",
        "AccessDeniedException" => "You are not authorized to perform this action.",
        "ExpiredTokenException" => "The security token included in the request is expired",
        "UnrecognizedClientException" => "The security token included in the request is invalid.",
        "InvalidParameterException" => "Request has invalid parameters",
        "SessionNotFoundException" => "Session not found",
        "InternalServerError" => "An internal server error occurred",
        "ServiceUnavailable" | "ServiceUnavailableException" => "Service is unavailable",
        _ => "simulated fault",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(reply: &Reply) -> Value {
        serde_json::from_str(&reply.body).unwrap()
    }

    #[test]
    fn an_error_has_its_code_and_message_in_the_body() {
        let reply = Reply::refusal(&Refusal::new("SessionNotFoundException", "not there"));
        let body = body(&reply);
        assert_eq!((reply.status, reply.error_type), (400, None));
        assert_eq!(body["__type"], "SessionNotFoundException");
        assert_eq!(body["Code"], "SessionNotFoundException");
        assert_eq!(body["Message"], "not there");
        assert!(body["Logref"].is_string());
    }

    #[test]
    fn a_code_can_have_a_namespace_or_stand_in_the_header_alone() {
        let plain = ErrorAnswer::new("OddException", 418);
        let reply = Reply::ordered(&ErrorAnswer {
            namespace: true,
            ..plain.clone()
        });
        assert_eq!(
            body(&reply)["__type"],
            "com.amazonaws.rekognition#OddException"
        );
        let quiet = ErrorAnswer {
            header_code: true,
            no_message: true,
            ..plain
        };
        let reply = Reply::ordered(&quiet);
        assert_eq!(reply.error_type.as_deref(), Some("OddException"));
        let body = body(&reply);
        assert_eq!(
            body.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["Logref"]
        );
    }
}
