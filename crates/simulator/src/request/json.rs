//! Members of a JSON document by name, type and path. The words of the errors
//! are AWS's own; the paths are written as AWS writes them: `settings.outputConfig`,
//! `challengePreferences.1.member`, counted from one.

use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// An object somewhere in the document.
pub(super) struct Structure<'a> {
    members: &'a Map<String, Value>,
    path: String,
}

impl<'a> Structure<'a> {
    pub(super) fn root(document: &'a Value) -> Result<Self, Refusal> {
        Self::read(document, String::new())
    }

    /// The path of a member, as AWS writes it.
    pub(super) fn path(&self, name: &str) -> String {
        let (first, rest) = name.split_at(1);
        let name = format!("{}{rest}", first.to_ascii_lowercase());
        if self.path.is_empty() {
            name
        } else {
            format!("{}.{name}", self.path)
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        let read = |value: &'a Value| value.as_str().ok_or_else(|| unconverted(value, "String"));
        let read = self.member(name).map(read).transpose();
        read.map_err(|what| Refusal::wrong_type(&what, &self.path(name)))
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i32>, Refusal> {
        let read = |value: &Value| {
            let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
            number.ok_or_else(|| unconverted(value, "Integer"))
        };
        let read = self.member(name).map(read).transpose();
        read.map_err(|what| Refusal::wrong_type(&what, &self.path(name)))
    }

    pub(super) fn structure(&self, name: &str) -> Result<Option<Self>, Refusal> {
        self.member(name)
            .map(|value| Self::read(value, self.path(name)))
            .transpose()
    }

    /// A list of structures; an absent one is empty.
    pub(super) fn structures(&self, name: &str) -> Result<Vec<Self>, Refusal> {
        let path = self.path(name);
        match self.member(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .zip(1..)
                .map(|(item, number)| Self::read(item, format!("{path}.{number}.member")))
                .collect(),
            Some(_) => Err(Refusal::wrong_type("Expected list or null", &path)),
        }
    }

    fn read(value: &'a Value, path: String) -> Result<Self, Refusal> {
        if let Value::Object(members) = value {
            return Ok(Self { members, path });
        }
        Err(Refusal::wrong_type("Expected structure or null", &path))
    }

    /// A member that is there: `null` is absent.
    fn member(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }
}

/// AWS's words for a value that is no `class`.
fn unconverted(value: &Value, class: &str) -> String {
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
