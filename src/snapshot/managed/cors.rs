//! Cross-origin rules of an HTTP API, ready to be written.

use crate::model::is_field_value;
use crate::resources::http;

/// Cross-origin rules. Origins are looked at per request; all else is the same for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    origins: Box<[Origin]>,
    /// Whether preflights are answered here also where a route would take them.
    pub takes_every_preflight: bool,
    /// Whether the answer depends on the origin.
    pub varies: bool,
    /// Field lines of every answer to an origin that is let in.
    pub answer: Box<[u8]>,
    /// Field lines of the answer to a preflight besides those.
    pub preflight: Box<[u8]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Any,
    /// `https://*`: of that scheme.
    Scheme(Box<[u8]>),
    Exact(Box<[u8]>),
}

/// What an origin is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed<'o> {
    /// Whoever asks may.
    Anybody,
    /// It may, by its name.
    Origin(&'o [u8]),
}

impl Cors {
    /// From an API's configuration. `None`: it has no origins, so nobody is let in and nothing is
    /// stripped.
    pub(super) fn of(declared: &http::Cors) -> Option<Self> {
        let origins = declared.allow_origins.as_deref().unwrap_or_default();
        let origin = |text: &String| match text.as_str() {
            "*" => Origin::Any,
            "https://*" | "http://*" => {
                Origin::Scheme(text.trim_end_matches('*').as_bytes().into())
            }
            exact => Origin::Exact(exact.as_bytes().into()),
        };
        let origins: Box<[Origin]> = origins.iter().map(origin).collect();
        let mut answer = Vec::new();
        let mut preflight = Vec::new();
        if declared.allow_credentials == Some(true) {
            answer.extend_from_slice(b"access-control-allow-credentials: true\r\n");
        }
        list("access-control-expose-headers", declared.expose_headers.as_deref(), &mut answer);
        list("access-control-allow-methods", declared.allow_methods.as_deref(), &mut preflight);
        list("access-control-allow-headers", declared.allow_headers.as_deref(), &mut preflight);
        if let Some(age) = declared.max_age {
            preflight.extend_from_slice(format!("access-control-max-age: {age}\r\n").as_bytes());
        }
        (!origins.is_empty()).then(|| Self {
            takes_every_preflight: false,
            varies: !origins.contains(&Origin::Any),
            origins,
            answer: answer.into(),
            preflight: preflight.into(),
        })
    }

    /// Whether an origin is let in. Capitals matter.
    pub fn allows<'o>(&self, origin: &'o [u8]) -> Option<Allowed<'o>> {
        if self.origins.contains(&Origin::Any) {
            return Some(Allowed::Anybody);
        }
        let is_allowed = self.origins.iter().any(|known| match known {
            Origin::Any => true,
            Origin::Scheme(scheme) => origin.starts_with(scheme),
            Origin::Exact(exact) => **exact == *origin,
        });
        is_allowed.then_some(Allowed::Origin(origin))
    }
}

fn list(name: &str, values: Option<&[String]>, out: &mut Vec<u8>) {
    let joined = values.unwrap_or_default().join(",");
    if !joined.is_empty() && is_field_value(&joined) {
        out.extend_from_slice(format!("{name}: {joined}\r\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        let declared = http::Cors {
            allow_origins: Some(origins.iter().map(|it| (*it).to_owned()).collect()),
            allow_methods: Some(vec!["GET".into(), "PUT".into()]),
            max_age: Some(0),
            ..http::Cors::default()
        };
        Cors::of(&declared).unwrap()
    }

    #[test]
    fn origins_are_exact_of_a_scheme_or_any() {
        let some = cors(&["https://a.test", "http://*"]);
        for (origin, expected) in [
            ("https://a.test", true),
            ("https://A.test", false),
            ("https://a.test:8443", false),
            ("http://whoever", true),
            ("https://b.test", false),
            ("null", false),
        ] {
            let allowed = some.allows(origin.as_bytes());
            let expected = expected.then_some(Allowed::Origin(origin.as_bytes()));
            assert_eq!(allowed, expected, "{origin}");
        }
        assert_eq!(cors(&["x", "*"]).allows(b"https://b"), Some(Allowed::Anybody));
    }

    #[test]
    fn fields_are_ready_made() {
        let cors = cors(&["*"]);
        assert_eq!(&*cors.answer, b"");
        assert_eq!(
            std::str::from_utf8(&cors.preflight).unwrap(),
            "access-control-allow-methods: GET,PUT\r\naccess-control-max-age: 0\r\n"
        );
        assert!(!cors.varies);
        assert!(Cors::of(&http::Cors::default()).is_none());
    }
}
