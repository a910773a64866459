//! A response before it is serialized: status, header values and body.
//!
//! Rekognition sends the code of an error in `__type` and `Code`. Scripted errors can
//! send it elsewhere or omit the message, as other services and proxies do.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::aws_error::AwsError;
use super::fault::{ErrorReply, NonJsonBody};

const AWS_JSON: &str = "application/x-amz-json-1.1";
const HTML: &str = "<html>\r\n<head><title>Bad gateway</title></head>\r\n<body>\r\n\
     <center><h1>The upstream server is not available</h1></center>\r\n</body>\r\n</html>\r\n";
const XML: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code>\
     <Message>simulated fault: error in XML</Message></Error></ErrorResponse>";

/// A response, complete or cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: Option<&'static str>,
    /// Whether the response has a request id: that of a proxy has none.
    pub(super) has_request_id: bool,
    /// The value of the header `x-amzn-errortype`.
    pub(super) error_type: Option<String>,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: String,
    /// Whether only half of the body is sent, with the `Content-Length` of all of it.
    pub(super) cut_off: bool,
}

impl Reply {
    pub(super) fn json(status: u16, document: &Value) -> Self {
        Self {
            status,
            content_type: Some(AWS_JSON),
            has_request_id: true,
            error_type: None,
            retry_after: None,
            body: document.to_string(),
            cut_off: false,
        }
    }

    pub(super) fn error(error: &AwsError) -> Self {
        let reply = ErrorReply::new(error.code, error.status);
        Self::with_message(&reply, &error.message)
    }

    /// Returns a scripted error, with the message of AWS for its code.
    pub(super) fn scripted(error: &ErrorReply) -> Self {
        Self::with_message(error, default_message(&error.code))
    }

    pub(super) fn non_json(body: NonJsonBody, status: u16) -> Self {
        let (content_type, text) = match body {
            NonJsonBody::Html => (Some("text/html"), HTML),
            NonJsonBody::Xml => (Some("text/xml"), XML),
            NonJsonBody::Empty => (Some(AWS_JSON), ""),
            NonJsonBody::StatusOnly => (None, ""),
        };
        let has_request_id = matches!(body, NonJsonBody::Xml | NonJsonBody::Empty);
        Self {
            content_type,
            has_request_id,
            body: text.to_owned(),
            ..Self::json(status, &Value::Null)
        }
    }

    fn with_message(error: &ErrorReply, message: &str) -> Self {
        let mut document = json!({"Logref": Uuid::new_v4().to_string()});
        let namespace = if error.namespace {
            "com.amazonaws.rekognition#"
        } else {
            ""
        };
        let qualified = format!("{namespace}{}", error.code);
        if !error.header_code {
            document["__type"] = json!(qualified);
            document["Code"] = json!(error.code);
        }
        if !error.no_message {
            document["Message"] = json!(message);
        }
        let error_type = error.header_code.then_some(qualified);
        Self {
            error_type,
            ..Self::json(error.status, &document)
        }
    }
}

/// Returns the message of AWS for a code, or a placeholder for other codes.
pub(super) fn default_message(code: &str) -> &'static str {
    match code {
        "ThrottlingException" => "Rate exceeded",
        "ProvisionedThroughputExceededException" => "Provisioned rate exceeded",
        "AccessDeniedException" => "You are not authorized to perform this action.",
        "ExpiredTokenException" => "The security token included in the request is expired",
        "UnrecognizedClientException" => "The security token included in the request is invalid.",
        "InvalidParameterException" => "Request has invalid parameters",
        "SessionNotFoundException" => "Session not found",
        "ServiceQuotaExceededException" => "Too many checks are under way",
        "InvalidSignatureException" => super::sigv4::MISMATCH,
        "InternalServerError" | "InternalServerException" => "An internal server error occurred",
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
    fn an_error_has_code_and_message_in_the_body() {
        let reply = Reply::error(&AwsError::new(
            "SessionNotFoundException",
            "unknown session",
        ));
        let body = body(&reply);
        assert_eq!((reply.status, reply.error_type), (400, None));
        assert_eq!(body["__type"], "SessionNotFoundException");
        assert_eq!(body["Code"], "SessionNotFoundException");
        assert_eq!(body["Message"], "unknown session");
        assert!(body["Logref"].is_string());
    }

    #[test]
    fn a_code_can_have_a_namespace_or_be_in_the_header_only() {
        let plain = ErrorReply::new("OddException", 418);
        let reply = Reply::scripted(&ErrorReply {
            namespace: true,
            ..plain.clone()
        });
        assert_eq!(
            body(&reply)["__type"],
            "com.amazonaws.rekognition#OddException"
        );
        let header_only = ErrorReply {
            header_code: true,
            no_message: true,
            ..plain
        };
        let reply = Reply::scripted(&header_only);
        assert_eq!(reply.error_type.as_deref(), Some("OddException"));
        let body = body(&reply);
        assert_eq!(
            body.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["Logref"]
        );
    }
}
