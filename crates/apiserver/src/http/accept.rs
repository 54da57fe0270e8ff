//! In which form a client wants its answer.

/// Another form of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it is.
    Object,
    /// `as=Table`, in version `v1` or `v1beta1`.
    Table(&'static str),
    /// `as=PartialObjectMetadata`, or the list of it.
    Metadata(&'static str),
}

/// One range of an `Accept` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) media: String,
    parameters: Vec<(String, String)>,
}

/// The ranges of an `Accept` header, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accept(Vec<Range>);

impl Accept {
    pub(crate) fn parse(header: &str) -> Self {
        let ranges = header.split(',').filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().filter(|media| !media.is_empty())?.to_ascii_lowercase();
            let parameters = parts.filter_map(|part| part.split_once('='));
            let parameters = parameters.map(|(k, v)| (k.trim().to_owned(), v.trim().to_owned()));
            Some(Range { media, parameters: parameters.collect() })
        });
        Self(ranges.collect())
    }

    pub(crate) fn ranges(&self) -> &[Range] {
        &self.0
    }

    /// Returns whether plain JSON will do.
    pub(crate) fn takes_json(&self) -> bool {
        self.0.is_empty() || self.0.iter().any(Range::is_json)
    }

    /// Returns the first form that can be given; nothing if none can. `tables`: whether there are columns.
    pub(crate) fn form(&self) -> Option<Form> {
        if self.0.is_empty() {
            return Some(Form::Object);
        }
        self.0.iter().filter(|range| range.is_json()).find_map(|range| {
            let version = match range.parameter("v") {
                "v1" => "v1",
                "v1beta1" => "v1beta1",
                _ => "",
            };
            match range.parameter("as") {
                "" => Some(Form::Object),
                _ if version.is_empty() || range.parameter("g") != "meta.k8s.io" => None,
                "Table" => Some(Form::Table(version)),
                "PartialObjectMetadata" | "PartialObjectMetadataList" => Some(Form::Metadata(version)),
                _ => None,
            }
        })
    }
}

impl Range {
    pub(crate) fn is_json(&self) -> bool {
        matches!(self.media.as_str(), "application/json" | "*/*" | "application/*")
    }

    pub(crate) fn parameter(&self, key: &str) -> &str {
        self.parameters.iter().find(|(k, _)| k == key).map_or("", |(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_can_be_given_wins() {
        let form = |header| Accept::parse(header).form();
        assert_eq!(form(""), Some(Form::Object));
        assert_eq!(form("application/vnd.kubernetes.protobuf,application/json"), Some(Form::Object));
        assert_eq!(
            form("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
            Some(Form::Table("v1"))
        );
        assert_eq!(form("application/json;as=Table;v=v7;g=meta.k8s.io,*/*"), Some(Form::Object));
        let metadata = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
        assert_eq!(form(metadata), Some(Form::Metadata("v1")));
        assert_eq!(form("application/vnd.kubernetes.protobuf"), None);
        assert_eq!(form("text/html"), None);
    }
}
