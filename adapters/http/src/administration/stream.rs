//! Answers without an end that is known beforehand: JSON lines, made as fast as the reader takes them.
//!
//! When something fails midway the answer breaks off without its proper end, so that no reader takes a part for the whole.

use std::io;
use std::marker::PhantomData;

use futures_util::{Stream, TryStreamExt, stream};
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use portcullis_domain::caller::Caller;
use serde::Serialize;

use crate::answer::header as described;
use crate::caller::{Staying, Takes};
use crate::door::RequestId;
use crate::problem::Problem;
use crate::schema::{Documented, register, schema_ref};

/// The media type: one JSON document a line.
pub(crate) const JSON_LINES: &str = "application/jsonl";

/// `200` with a line for each item; `T` is what a line is.
pub(crate) struct Lines<T> {
    body: Body,
    file: Option<&'static str>,
    line: PhantomData<T>,
}

impl<T: Serialize + Send + 'static> Lines<T> {
    /// The items of `pages`, page by page. The next page is asked for when the reader has taken the one before.
    pub(crate) fn of<S>(id: RequestId, pages: S) -> Self
    where
        S: Stream<Item = Result<Vec<T>, Problem>> + Send + 'static,
    {
        let text = pages.and_then(async |page| lines(&page).map_err(Problem::internal));
        Self { body: unending(id, text), file: None, line: PhantomData }
    }

    /// To be kept as a file of this name.
    pub(crate) fn saved_as(mut self, file: &'static str) -> Self {
        self.file = Some(file);
        self
    }
}

/// A body that is made as it is read. When that fails it breaks off, and the log knows why.
pub(super) fn unending<S>(id: RequestId, text: S) -> Body
where
    S: Stream<Item = Result<Vec<u8>, Problem>> + Send + 'static,
{
    Body::from_bytes_stream(text.map_err(move |problem| {
        let cause = problem.cause().map(ToString::to_string).unwrap_or_default();
        tracing::warn!(id = id.as_str(), code = problem.code.slug(), cause, "an answer broke off");
        io::Error::other("the answer broke off")
    }))
}

/// The header by which an answer is kept as a file of this name.
pub(super) fn saved_as(response: &mut Response, file: &str) {
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{file}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    }
}

fn lines<T: Serialize>(page: &[T]) -> serde_json::Result<Vec<u8>> {
    let mut text = Vec::new();
    for item in page {
        serde_json::to_writer(&mut text, item)?;
        text.push(b'\n');
    }
    Ok(text)
}

/// The pages of a list: the one that was read already, and those that `next` reads for the caller behind a place.
pub(crate) fn pages<K, T, P, F>(
    staying: Staying<K>,
    first: (Vec<T>, Option<P>),
    next: impl Fn(Caller, P) -> F + Send + 'static,
) -> impl Stream<Item = Result<Vec<T>, Problem>> + Send + 'static
where
    K: Takes,
    T: Send + 'static,
    P: Send + 'static,
    F: Future<Output = Result<(Vec<T>, Option<P>), Problem>> + Send + 'static,
{
    enum At<T, P> {
        First((Vec<T>, Option<P>)),
        Behind(P),
        End,
    }
    stream::try_unfold((At::First(first), staying, next), async |(at, mut staying, next)| {
        let (items, place) = match at {
            At::First(page) => page,
            At::Behind(place) => {
                let caller = staying.caller().await?.clone();
                next(caller, place).await?
            }
            At::End => return Ok(None),
        };
        Ok(Some((items, (place.map_or(At::End, At::Behind), staying, next))))
    })
}

impl<T: Send> IntoResponse for Lines<T> {
    fn into_response(self) -> Response {
        let mut response = Response::builder().status(StatusCode::OK).content_type(JSON_LINES).body(self.body);
        if let Some(file) = self.file {
            saved_as(&mut response, file);
        }
        response
    }
}

impl<T: Documented> ApiResponse for Lines<T> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: JSON_LINES, schema: schema_ref::<T>() }];
        let response = MetaResponse {
            description: "One JSON document a line, as this schema describes each. An answer that breaks off without its proper end is not whole.",
            status: Some(200),
            status_range: None,
            content,
            headers: vec![described("Content-Disposition", "The name of a file, where the answer is one.", false)],
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        register::<T>(registry);
    }
}
