//! Requests that can be sent again: those whose body is there as a whole when they are made, as that of a unary call is.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, request::Parts};
use http_body::{Body as _, Frame, SizeHint};
use tonic::{Status, body::Body};

/// A request before it is sent.
pub(super) struct Replay {
    parts: Parts,
    content: Content,
}

enum Content {
    Whole(VecDeque<Bytes>),
    /// It goes on: what is there already, and the rest.
    Stream(VecDeque<Bytes>, Body),
}

impl Replay {
    pub(super) fn of(request: Request<Body>) -> Self {
        let (parts, mut body) = request.into_parts();
        let (mut chunks, mut cx) = (VecDeque::new(), Context::from_waker(Waker::noop()));
        loop {
            match pin!(&mut body).poll_frame(&mut cx) {
                // Whoever sends it polls it again, and is woken.
                Poll::Pending => return Self { parts, content: Content::Stream(chunks, body) },
                Poll::Ready(None) => return Self { parts, content: Content::Whole(chunks) },
                // Trailers a request of gRPC has none; what can't be read is the sender's to find.
                Poll::Ready(Some(Ok(frame))) => chunks.extend(frame.into_data().ok()),
                Poll::Ready(Some(Err(error))) => {
                    let failed = Body::new(Failing(Some(error)));
                    return Self { parts, content: Content::Stream(chunks, failed) };
                }
            }
        }
    }

    /// The request, and another one like it if there can be one.
    pub(super) fn request(self) -> (Request<Body>, Option<Self>) {
        let Self { parts, content } = self;
        match content {
            Content::Whole(chunks) => {
                let copy = Self { parts: parts.clone(), content: Content::Whole(chunks.clone()) };
                (Request::from_parts(parts, Body::new(Whole(chunks))), Some(copy))
            }
            Content::Stream(chunks, rest) => (Request::from_parts(parts, Body::new(Rest { chunks, rest })), None),
        }
    }
}

struct Whole(VecDeque<Bytes>);

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

struct Rest {
    chunks: VecDeque<Bytes>,
    rest: Body,
}

impl http_body::Body for Rest {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(chunk) = self.chunks.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        Pin::new(&mut self.rest).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty() && self.rest.is_end_stream()
    }
}

struct Failing(Option<Status>);

impl http_body::Body for Failing {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.0.take().map(Err))
    }
}
