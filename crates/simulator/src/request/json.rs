//! Typed access to the members of a JSON document. Error messages and paths have the form
//! of AWS: `settings.outputConfig`, `challengePreferences.1.member`, counted from one.

use serde_json::{Map, Value};

use crate::aws_error::AwsError;

/// An object in the document, and its path.
pub(super) struct Structure<'a> {
    members: &'a Map<String, Value>,
    path: String,
}

impl<'a> Structure<'a> {
    pub(super) fn root(document: &'a Value) -> Result<Self, AwsError> {
        Self::new(document, String::new())
    }

    /// Returns the path of a member, in the form of AWS.
    pub(super) fn path(&self, name: &str) -> String {
        let (first, rest) = name.split_at(1);
        let name = format!("{}{rest}", first.to_ascii_lowercase());
        if self.path.is_empty() {
            name
        } else {
            format!("{}.{name}", self.path)
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, AwsError> {
        let convert = |value: &'a Value| {
            value
                .as_str()
                .ok_or_else(|| conversion_error(value, "String"))
        };
        let converted = self.member(name).map(convert).transpose();
        converted.map_err(|message| AwsError::wrong_type(&message, &self.path(name)))
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i32>, AwsError> {
        let convert = |value: &Value| {
            let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
            number.ok_or_else(|| conversion_error(value, "Integer"))
        };
        let converted = self.member(name).map(convert).transpose();
        converted.map_err(|message| AwsError::wrong_type(&message, &self.path(name)))
    }

    pub(super) fn structure(&self, name: &str) -> Result<Option<Self>, AwsError> {
        self.member(name)
            .map(|value| Self::new(value, self.path(name)))
            .transpose()
    }

    /// Returns a list of structures; an absent member is an empty list.
    pub(super) fn structures(&self, name: &str) -> Result<Vec<Self>, AwsError> {
        let path = self.path(name);
        match self.member(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .zip(1..)
                .map(|(item, number)| Self::new(item, format!("{path}.{number}.member")))
                .collect(),
            Some(_) => Err(AwsError::wrong_type("Expected list or null", &path)),
        }
    }

    fn new(value: &'a Value, path: String) -> Result<Self, AwsError> {
        if let Value::Object(members) = value {
            return Ok(Self { members, path });
        }
        Err(AwsError::wrong_type("Expected structure or null", &path))
    }

    /// Returns a member that is present and not `null`.
    fn member(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }
}

/// Returns AWS's message for a value that is not a `class`.
fn conversion_error(value: &Value, class: &str) -> String {
    let token = match value {
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Array(_) => return format!("Unrecognized collection type class java.lang.{class}"),
        Value::Object(_) | Value::Null => {
            return "Start of structure or map found where not expected.".to_owned();
        }
    };
    let article = if class == "Integer" { "an" } else { "a" };
    format!("{token} can not be converted to {article} {class}")
}
