//! The body of a request on its way in: while the client is still sending, its connection is idle.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use poem::Request;

use super::PlaceGone;
use super::places::Place;

/// The same request; whoever waits for its body waits in a place that others may take.
pub(crate) fn watched(mut request: Request, place: &Arc<Place>) -> Request {
    let body: BoxBody<Bytes, io::Error> = request.take_body().into();
    if body.is_end_stream() {
        request.set_body(body);
    } else {
        // From the head on: a byte now and then makes nobody less idle.
        let since = place.now();
        request.set_body(BoxBody::new(Arriving { body, place: place.clone(), since, waiting: false }));
    }
    request
}

/// A body, and the place of its connection.
struct Arriving {
    body: BoxBody<Bytes, io::Error>,
    place: Arc<Place>,
    since: u64,
    waiting: bool,
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        if polled.is_pending() {
            this.waiting = this.waiting || this.place.pause(this.since);
        } else if std::mem::take(&mut this.waiting) && !this.place.resume(this.since) {
            // Nothing may be done for a request whose connection is about to close.
            return Poll::Ready(Some(Err(io::Error::other(PlaceGone))));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Arriving {
    /// Nobody waits for the rest any more, but the answer is still to be made.
    fn drop(&mut self) {
        if self.waiting {
            self.place.resume(self.since);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::task::Waker;

    use tokio::io::{AsyncWriteExt, DuplexStream};

    use super::super::places::Places;
    use super::*;
    use crate::wiring::TrustedProxies;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    /// The only place of its address, with a running request; its body, and the end that the client writes to.
    async fn sending() -> (Arc<Places>, Arc<Place>, BoxBody<Bytes, io::Error>, DuplexStream) {
        let places = Arc::new(Places::new(10, 1, TrustedProxies::default()));
        let place = Arc::new(places.take(CLIENT).await.expect("a place"));
        assert!(place.begin());
        let (client, server) = tokio::io::duplex(64);
        let request = Request::builder().body(poem::Body::from_async_read(server));
        let body = watched(request, &place).take_body().into();
        (places, place, body, client)
    }

    /// What comes next, or `None` when the client has sent no more yet.
    fn next(body: &mut BoxBody<Bytes, io::Error>) -> Option<io::Result<Bytes>> {
        match Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => None,
            Poll::Ready(Some(frame)) => Some(frame.map(|frame| frame.into_data().expect("data"))),
            Poll::Ready(None) => Some(Ok(Bytes::new())),
        }
    }

    #[tokio::test]
    async fn who_waits_for_a_body_is_idle_and_who_has_it_is_not() {
        let (places, place, mut body, mut client) = sending().await;
        for part in ["one", "two"] {
            assert!(next(&mut body).is_none() && next(&mut body).is_none());
            client.write_all(part.as_bytes()).await.expect("written");
            assert_eq!(next(&mut body).expect("a part").expect("no error"), part);
            assert!(places.take(CLIENT).await.is_none(), "the request is being worked on");
        }
        assert!(next(&mut body).is_none());
        drop(client);
        assert_eq!(next(&mut body).expect("the end").expect("no error"), "");
        assert!(places.take(CLIENT).await.is_none(), "all has come");
        drop(body);
        place.end();
        assert!(places.take(CLIENT).await.is_some(), "answered");
    }

    #[tokio::test]
    async fn a_body_whose_place_was_given_away_breaks_off() {
        let (places, place, mut body, mut client) = sending().await;
        assert!(next(&mut body).is_none());
        let newcomer = places.take(CLIENT).await.expect("the place of who is sending");
        assert!(newcomer.begin());
        place.told_to_go().await;
        client.write_all(b"late").await.expect("written");
        next(&mut body).expect("an answer").expect_err("the place is gone");
        drop(body);
        place.end();
        assert!(!place.begin(), "for good");
        assert!(places.take(CLIENT).await.is_none(), "the newcomer's place is its own");
    }

    #[tokio::test]
    async fn whoever_gives_up_on_a_body_is_at_work_again() {
        let (places, place, mut body, _client) = sending().await;
        assert!(next(&mut body).is_none());
        drop(body);
        assert!(places.take(CLIENT).await.is_none(), "the refusal is being made");
        place.end();
        assert!(places.take(CLIENT).await.is_some());
    }
}
