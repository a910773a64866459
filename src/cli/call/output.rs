//! The output of a call: lines for people, or one JSON object.

use std::process::ExitCode;

use livegate_client::{ClientError, Code, FieldViolation};
use serde_json::{Value, json};

use crate::cli::duration::delay;
use crate::cli::out::{print_err, print_json, print_out, printable};
use crate::cli::target::Target;

/// Prints the outcome of a call to `target`, and its request id if it has one.
pub(super) struct Output<'t> {
    pub(super) target: &'t Target,
    pub(super) request_id: Option<String>,
}

impl Output<'_> {
    /// Prints the response or the error. Returns the number of the gRPC code as the exit
    /// code.
    pub(super) async fn print<R>(
        &self,
        result: Result<R, ClientError>,
        describe: impl Fn(&R) -> (Value, Vec<(&'static str, String)>),
    ) -> anyhow::Result<ExitCode> {
        let error = match result {
            Ok(response) => {
                self.print_response(describe(&response))?;
                return Ok(ExitCode::SUCCESS);
            }
            Err(error) => error,
        };
        let (error, check) = self.explain(error).await;
        if self.target.json {
            // The exit code reports the error, even if standard output is closed.
            let _ = print_json(&self.with_id(describe_error(&error, check)));
        } else {
            print_error(&error, check.as_deref());
            if let Some(id) = &self.request_id
                && may_be_repeated(error.code)
            {
                print_err(format_args!("  to repeat this call: --request-id {id}"));
            }
        }
        Ok(ExitCode::from(error.code as u8))
    }

    fn print_response(
        &self,
        (json, mut lines): (Value, Vec<(&'static str, String)>),
    ) -> anyhow::Result<()> {
        if self.target.json {
            return print_json(&self.with_id(json));
        }
        lines.extend(self.request_id.clone().map(|id| ("request_id", id)));
        lines.retain(|(_, value)| !value.is_empty());
        let width = lines.iter().map(|(name, _)| name.len()).max();
        let width = width.unwrap_or_default() + 2;
        for (name, value) in lines {
            print_out(format_args!("{name:<width$}{}", printable(&value)))?;
        }
        Ok(())
    }

    fn with_id(&self, mut value: Value) -> Value {
        if let Some(id) = &self.request_id {
            value["request_id"] = id.as_str().into();
        }
        value
    }

    /// Returns the error with the cause of a failed connection, and what to check. An
    /// error of the service has a reason, and stays as it is.
    async fn explain(&self, mut error: ClientError) -> (ClientError, Option<String>) {
        let is_of_connection = matches!(
            error.code,
            Code::Cancelled
                | Code::DeadlineExceeded
                | Code::Internal
                | Code::Unavailable
                | Code::Unknown
        );
        if !is_of_connection || !error.reason.is_empty() {
            return (error, None);
        }
        let Some(problem) = self.target.probe().await else {
            error.message = format!("{}: {}", self.target.url(), error.message);
            return (error, None);
        };
        error.code = Code::Unavailable;
        error.message = format!("{}: {}", self.target.url(), problem.cause);
        (error, Some(problem.check))
    }
}

/// Whether the same request may succeed later.
fn may_be_repeated(code: Code) -> bool {
    matches!(
        code,
        Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Internal
            | Code::ResourceExhausted
            | Code::Unavailable
            | Code::Unknown
    )
}

fn describe_error(error: &ClientError, check: Option<String>) -> Value {
    let violation =
        |one: &FieldViolation| json!({"field": one.field, "description": one.description});
    let mut value = json!({
        "code": error.code_name(),
        "reason": error.reason,
        "message": error.message,
        "violations": error.violations.iter().map(violation).collect::<Vec<_>>(),
        "retry_after_ms": error.retry_after.map(|wait| wait.as_millis() as u64),
        "call_id": error.call_id,
    });
    if let Some(check) = check {
        value["check"] = check.into();
    }
    value
}

fn print_error(error: &ClientError, check: Option<&str>) {
    let print = |line: &str| print_err(format_args!("{}", printable(line)));
    print(format!("{} {}", error.code_name(), error.reason).trim_end());
    if error.violations.is_empty() {
        let message = match error.retry_after {
            // The delay has a line of its own.
            Some(_) => error
                .message
                .split(", retry after")
                .next()
                .unwrap_or_default(),
            None => &error.message,
        };
        print(&format!("  {message}"));
    }
    for FieldViolation { field, description } in &error.violations {
        print(&format!("  {field}: {description}"));
    }
    if let Some(check) = check {
        print(&format!("  {check}"));
    }
    if let Some(wait) = error.retry_after {
        print(&format!("  retry after {}", delay(wait)));
    }
    if let Some(call_id) = &error.call_id {
        print(&format!("  call id: {call_id}"));
    }
}

/// Returns the name of an enum's value in words: `SESSION_STATUS_IN_PROGRESS` is `in
/// progress`, and `CHALLENGE_TYPE_FACE_MOVEMENT_CHALLENGE` is `face movement challenge`.
pub(super) fn words(name: &str) -> String {
    let prefixes = ["SESSION_STATUS_", "CHALLENGE_TYPE_", "VERDICT_"];
    let name = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix));
    match name.unwrap_or_default() {
        "UNSPECIFIED" => "unknown".to_owned(),
        name => name.replace('_', " ").to_lowercase(),
    }
}
