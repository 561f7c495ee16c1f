//! The table of routes: a path is looked up once, before anything else happens to a request.

use std::collections::HashMap;

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, Method};
use poem::{Endpoint, EndpointExt, Response};
use poem_openapi::OpenApi;

use crate::limits::Rule;
use crate::metering::Meters;

/// One path and what can be done with it.
pub(crate) struct Route {
    /// As documented: `/api/v1/me/sessions/{id}`.
    pub(crate) pattern: String,
    operations: Vec<Operation>,
    /// The value of `Allow` (RFC 9110 §10.2.1).
    pub(crate) allow: HeaderValue,
}

/// One method of one path.
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) endpoint: BoxEndpoint<'static, Response>,
    pub(crate) meters: Meters,
    pub(crate) rule: Rule,
}

impl Route {
    /// What `method` does here; `HEAD` does what `GET` does (RFC 9110 §9.3.2).
    pub(crate) fn operation(&self, method: &Method) -> Option<&Operation> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.operations.iter().find(|operation| operation.method == *method)
    }

    fn add(&mut self, method: Method, endpoint: BoxEndpoint<'static, Response>) {
        let meters = Meters::new(&self.pattern, method.as_str());
        let rule = Rule::of(&method, &self.pattern);
        self.operations.push(Operation { method, endpoint, meters, rule });
        let mut methods: Vec<&str> = self.operations.iter().map(|operation| operation.method.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods.sort_unstable();
        self.allow = HeaderValue::from_str(&methods.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"));
    }
}

/// All routes.
#[derive(Default)]
pub(crate) struct Routes {
    routes: Vec<Route>,
    exact: HashMap<String, usize>,
    /// Paths whose last segment is a parameter, by what stands before it.
    by_parent: HashMap<String, usize>,
}

impl Routes {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The route of a path, compared byte for byte.
    pub(crate) fn find(&self, path: &str) -> Option<&Route> {
        let index = self.exact.get(path).or_else(|| {
            let (parent, last) = path.rsplit_once('/')?;
            self.by_parent.get(parent).filter(|_| !last.is_empty())
        })?;
        self.routes.get(*index)
    }

    /// Adds one operation; `pattern` is a path whose last segment may be a `{parameter}`.
    pub(crate) fn add<E: Endpoint + 'static>(&mut self, method: Method, pattern: &str, endpoint: E) {
        self.add_boxed(method, pattern, endpoint.map_to_response().boxed());
    }

    /// Adds all operations of a documented API.
    pub(crate) fn add_api<A: OpenApi>(&mut self, api: A) {
        let mut table = HashMap::new();
        api.add_routes(&mut table);
        for path in A::meta().into_iter().flat_map(|api| api.paths) {
            let Some(operations) = table.remove(&matched_as(&path.path)) else { continue };
            let mut operations: Vec<_> = operations.into_iter().collect();
            operations.sort_unstable_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
            for (method, endpoint) in operations {
                self.add_boxed(method, &path.path, endpoint);
            }
        }
    }

    fn add_boxed(&mut self, method: Method, pattern: &str, endpoint: BoxEndpoint<'static, Response>) {
        let known = self.routes.iter().position(|route| route.pattern == pattern);
        let index = known.unwrap_or_else(|| {
            let index = self.routes.len();
            match pattern.rsplit_once('/') {
                Some((parent, last)) if last.starts_with('{') => self.by_parent.insert(parent.to_owned(), index),
                _ => self.exact.insert(pattern.to_owned(), index),
            };
            let allow = HeaderValue::from_static("OPTIONS");
            self.routes.push(Route { pattern: pattern.to_owned(), operations: Vec::new(), allow });
            index
        });
        if let Some(route) = self.routes.get_mut(index) {
            route.add(method, endpoint);
        }
    }
}

/// A documented path as poem-openapi names it in its table: `{id}` is `:param0`.
fn matched_as(path: &str) -> String {
    let mut count = 0;
    let segment = |segment: &str| {
        if segment.starts_with('{') {
            count += 1;
            format!(":param{}", count - 1)
        } else {
            segment.to_owned()
        }
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes {
        let mut routes = Routes::new();
        routes.add(Method::GET, "/a", poem::endpoint::make_sync(|_| ""));
        routes.add(Method::POST, "/a", poem::endpoint::make_sync(|_| ""));
        routes.add(Method::DELETE, "/a/{id}", poem::endpoint::make_sync(|_| ""));
        routes
    }

    #[test]
    fn paths_are_compared_byte_for_byte() {
        let routes = routes();
        let pattern = |path| routes.find(path).map(|route| route.pattern.as_str());
        assert_eq!(pattern("/a"), Some("/a"));
        assert_eq!(pattern("/a/x"), Some("/a/{id}"));
        for nothing in ["", "/", "/A", "/a/", "/a//", "/a/x/", "/a/x/y", "//a", "/b", "/%61"] {
            assert_eq!(pattern(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn allow_lists_what_a_path_knows() {
        let routes = routes();
        let allow = |path| routes.find(path).map(|route| route.allow.clone()).expect("a route");
        assert_eq!(allow("/a"), "GET, HEAD, OPTIONS, POST");
        assert_eq!(allow("/a/1"), "DELETE, OPTIONS");
        assert!(routes.find("/a").and_then(|route| route.operation(&Method::HEAD)).is_some());
        assert!(routes.find("/a").and_then(|route| route.operation(&Method::TRACE)).is_none());
    }
}
