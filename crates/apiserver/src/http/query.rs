//! The query of a request.

use stanchion_machinery::status::Status;

/// Parameters, decoded, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// Returns it as it stands in a request, with its question mark; nothing if there are no parameters.
    pub(crate) fn encoded(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        format!("?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish())
    }

    /// Returns the first value of a parameter, empty if there is none.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.0.iter().find(|(k, _)| k == key).map_or("", |(_, value)| value)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(k, _)| k == key)
    }

    /// Returns every value of a parameter.
    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// Returns a switch as the API reads it: there and neither `false` nor `0`.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.has(key) && !matches!(self.text(key).to_ascii_lowercase().as_str(), "false" | "0")
    }

    /// Returns a number, or a failure in Go's words.
    pub(crate) fn number(&self, key: &str) -> Result<Option<i64>, Status> {
        let text = self.text(key);
        if text.is_empty() {
            return Ok(None);
        }
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        let why = if number { "value out of range" } else { "invalid syntax" };
        let bad = |_| Status::bad_request(format!("strconv.ParseInt: parsing {text:?}: {why}"));
        text.parse().map(Some).map_err(bad)
    }
}
