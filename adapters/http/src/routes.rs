//! The table of routes: a path is looked up once, before anything else happens to a request.

use std::collections::HashMap;
use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, Method};
use poem::{Endpoint, EndpointExt, Response};
use poem_openapi::OpenApi;
use poem_openapi::registry::MetaParamIn;
use portcullis_domain::access::Asked;

use crate::access::permissions;
use crate::limits::Rule;
use crate::metering::Meters;

/// One path and what can be done with it.
pub(crate) struct Route {
    /// As documented: `/api/v1/me/sessions/{id}`.
    pub(crate) pattern: String,
    operations: Vec<Operation>,
    /// The value of `Allow` (RFC 9110 §10.2.1).
    pub(crate) allow: HeaderValue,
    /// Whether pages of every origin may read its answers.
    pub(crate) is_for_everybody: bool,
}

/// One method of one path.
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) endpoint: BoxEndpoint<'static, Response>,
    pub(crate) meters: Meters,
    pub(crate) rule: Rule,
    /// What handlers want to know of it, if there is anything to know.
    pub(crate) matched: Option<Arc<Matched>>,
}

/// What handlers know of the operation that a request was matched with: the door puts it among the request's extensions.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Matched {
    /// The parameters of the path: their names, and in which segment they are.
    parameters: Vec<(String, usize)>,
    /// The parameters that the query may have; `None` where unknown ones are ignored.
    query: Option<Vec<String>>,
    /// The permission without which nobody gets in, and into which operation, by its id.
    pub(crate) asked: Option<(&'static str, Asked)>,
    /// Whether it writes out all there is, and is counted by who asks for it.
    pub(crate) is_export: bool,
}

impl Matched {
    fn new(pattern: &str, documented: Documented, rule: Rule) -> Option<Arc<Self>> {
        let parameters = pattern.split('/').enumerate().filter_map(|(index, segment)| {
            let name = segment.strip_prefix('{')?.strip_suffix('}')?;
            Some((name.to_owned(), index))
        });
        let Documented { id, query } = documented;
        let asked = id.and_then(|id| permissions::asked(id).map(|asked| (id, asked)));
        let matched = Self { parameters: parameters.collect(), query, asked, is_export: rule == Rule::Export };
        (matched != Self::default()).then(|| Arc::new(matched))
    }

    /// What stands in `path` for the parameter `name`.
    pub(crate) fn parameter<'a>(&self, path: &'a str, name: &str) -> Option<&'a str> {
        let (_, index) = self.parameters.iter().find(|(parameter, _)| parameter == name)?;
        path.split('/').nth(*index)
    }

    /// Whether the query may have a parameter of this name.
    pub(crate) fn may_have(&self, name: &str) -> bool {
        self.query.as_ref().is_none_or(|query| query.iter().any(|parameter| parameter == name))
    }
}

/// What the OpenAPI document says of an operation, as far as its route has to know.
#[derive(Default)]
struct Documented {
    id: Option<&'static str>,
    query: Option<Vec<String>>,
}

impl Route {
    /// What `method` does here; `HEAD` does what `GET` does (RFC 9110 §9.3.2).
    pub(crate) fn operation(&self, method: &Method) -> Option<&Operation> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.operations.iter().find(|operation| operation.method == *method)
    }

    fn add(&mut self, method: Method, documented: Documented, endpoint: BoxEndpoint<'static, Response>) {
        let meters = Meters::new(&self.pattern, method.as_str());
        let rule = Rule::of(&method, &self.pattern);
        let matched = Matched::new(&self.pattern, documented, rule);
        self.operations.push(Operation { method, endpoint, meters, rule, matched });
        let mut methods: Vec<&str> = self.operations.iter().map(|operation| operation.method.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods.sort_unstable();
        self.allow = HeaderValue::from_str(&methods.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"));
    }
}

/// All routes. A path without parameters is found by one look; the others are few, and compared segment by segment.
#[derive(Default)]
pub(crate) struct Routes {
    routes: Vec<Route>,
    exact: HashMap<String, usize>,
    /// Those with parameters, by their number of segments; of two that fit, the one whose first difference is a word.
    shaped: HashMap<usize, Vec<(Shape, usize)>>,
}

/// A path with parameters: the words that must be there, and `None` where anything may be.
type Shape = Vec<Option<String>>;

/// Words before parameters, at the first place where two shapes differ in kind.
fn order(shape: &Shape) -> Vec<bool> {
    shape.iter().map(Option::is_none).collect()
}

fn fits(shape: &Shape, path: &str) -> bool {
    shape.iter().zip(path.split('/')).all(|(word, segment)| match word {
        Some(word) => word == segment,
        None => !segment.is_empty(),
    })
}

impl Routes {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The route of a path, compared byte for byte.
    pub(crate) fn find(&self, path: &str) -> Option<&Route> {
        let index = self.exact.get(path).copied().or_else(|| {
            let of_this_length = self.shaped.get(&path.split('/').count())?;
            of_this_length.iter().find(|(shape, _)| fits(shape, path)).map(|(_, index)| *index)
        })?;
        self.routes.get(index)
    }

    /// Adds one operation; a segment of `pattern` may be a `{parameter}`, or one with an ending: `{name}.json`.
    pub(crate) fn add<E: Endpoint + 'static>(&mut self, method: Method, pattern: &str, endpoint: E) {
        self.add_boxed(method, pattern, Documented::default(), endpoint.map_to_response().boxed());
    }

    /// The same for an operation whose query may have these parameters and no others.
    pub(crate) fn add_asked<E: Endpoint + 'static>(
        &mut self,
        method: Method,
        pattern: &str,
        query: &[&str],
        endpoint: E,
    ) {
        let query = query.iter().map(|&name| name.to_owned()).collect();
        let documented = Documented { id: None, query: Some(query) };
        self.add_boxed(method, pattern, documented, endpoint.map_to_response().boxed());
    }

    /// The same for a document that pages of every origin may read.
    pub(crate) fn add_for_everybody<E: Endpoint + 'static>(&mut self, pattern: &str, endpoint: E) {
        self.add(Method::GET, pattern, endpoint);
        if let Some(route) = self.routes.iter_mut().find(|route| route.pattern == pattern) {
            route.is_for_everybody = true;
        }
    }

    /// Adds all operations of a documented API.
    pub(crate) fn add_api<A: OpenApi>(&mut self, api: A) {
        let mut table = HashMap::new();
        api.add_routes(&mut table);
        for path in A::meta().into_iter().flat_map(|api| api.paths) {
            let Some(mut endpoints) = table.remove(&matched_as(&path.path)) else { continue };
            let mut operations = path.operations;
            operations.sort_unstable_by(|a, b| a.method.as_str().cmp(b.method.as_str()));
            for operation in operations {
                let Some(endpoint) = endpoints.remove(&operation.method) else { continue };
                let query = operation.params.into_iter().filter(|parameter| parameter.in_type == MetaParamIn::Query);
                let query: Vec<String> = query.map(|parameter| parameter.name).collect();
                let query = (!query.is_empty()).then_some(query);
                let documented = Documented { id: operation.operation_id, query };
                self.add_boxed(operation.method, &path.path, documented, endpoint);
            }
        }
    }

    fn add_boxed(
        &mut self,
        method: Method,
        pattern: &str,
        documented: Documented,
        endpoint: BoxEndpoint<'static, Response>,
    ) {
        let known = self.routes.iter().position(|route| route.pattern == pattern);
        let index = known.unwrap_or_else(|| {
            let index = self.routes.len();
            self.learn(pattern, index);
            let allow = HeaderValue::from_static("OPTIONS");
            let (pattern, operations) = (pattern.to_owned(), Vec::new());
            self.routes.push(Route { pattern, operations, allow, is_for_everybody: false });
            index
        });
        if let Some(route) = self.routes.get_mut(index) {
            route.add(method, documented, endpoint);
        }
    }

    /// By what the route of this number is found.
    fn learn(&mut self, pattern: &str, index: usize) {
        let word = |segment: &str| (!segment.starts_with('{')).then(|| segment.to_owned());
        let shape: Shape = pattern.split('/').map(word).collect();
        if shape.iter().all(Option::is_some) {
            self.exact.insert(pattern.to_owned(), index);
            return;
        }
        let of_this_length = self.shaped.entry(shape.len()).or_default();
        of_this_length.push((shape, index));
        of_this_length.sort_by_key(|(shape, _)| order(shape));
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
        for pattern in ["/a/{id}/b/{name}", "/a/{id}/{verb}", "/a/{id}/off", "/a/all", "/s/{type}.json"] {
            routes.add(Method::GET, pattern, poem::endpoint::make_sync(|_| ""));
        }
        routes
    }

    #[test]
    fn paths_are_compared_byte_for_byte() {
        let routes = routes();
        let pattern = |path| routes.find(path).map(|route| route.pattern.as_str());
        assert_eq!(pattern("/a"), Some("/a"));
        assert_eq!(pattern("/a/x"), Some("/a/{id}"));
        let nothings =
            ["", "/", "/A", "/a/", "/a//", "/a/x/", "//a", "/b", "/%61", "/a//off", "/a//b/x", "/a/x/b/", "/a/x/c/y"];
        for nothing in nothings {
            assert_eq!(pattern(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn parameters_may_be_anywhere_and_a_word_wins() {
        let routes = routes();
        let pattern = |path| routes.find(path).map(|route| route.pattern.as_str());
        assert_eq!(pattern("/a/all"), Some("/a/all"));
        assert_eq!(pattern("/a/x/off"), Some("/a/{id}/off"));
        assert_eq!(pattern("/a/x/on"), Some("/a/{id}/{verb}"));
        assert_eq!(pattern("/a/x/b/y"), Some("/a/{id}/b/{name}"));
        assert_eq!(pattern("/s/x.json"), Some("/s/{type}.json"));
        assert_eq!(pattern("/a/x/b/y/z"), None);
    }

    #[test]
    fn a_parameter_is_found_by_its_name() {
        let matched = Matched::new("/a/{id}/b/{name}", Documented::default(), Rule::Other).expect("parameters");
        assert_eq!(matched.parameter("/a/x/b/y", "id"), Some("x"));
        assert_eq!(matched.parameter("/a/x/b/y", "name"), Some("y"));
        assert_eq!(matched.parameter("/a/x/b/y", "b"), None);
        let documented =
            |id, query: Option<&str>| Documented { id: Some(id), query: query.map(|name| vec![name.to_owned()]) };
        assert!(Matched::new("/a/b", documented("a", None), Rule::Other).is_none(), "nothing to know");
        let matched = Matched::new("/a/b", documented("listUsers", Some("role")), Rule::Export);
        let matched = matched.expect("something to know");
        assert!(matched.may_have("role") && !matched.may_have("rol") && !matched.may_have(""));
        let feed = Matched::new("/a/{id}", Documented::default(), Rule::Other).expect("a parameter");
        assert!(feed.may_have("rol"), "what is not documented so ignores what it does not know");
        assert_eq!((matched.asked, matched.is_export), (Some(("listUsers", Asked::UsersRead)), true));
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
