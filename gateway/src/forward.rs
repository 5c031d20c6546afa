//! RPCs that are passed on as they came: the message stays bytes.

use bytes::{Buf, BufMut, Bytes};
use http::{HeaderMap, uri::PathAndQuery};
use kit::grpc::{MOST_PAGE_BYTES, Peer, Refusal};
use tonic::{
    Request, Response, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataMap,
};

use crate::{error::Error, reply::put_figures};

/// Messages as the bytes that they travel as.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unread;

impl Codec for Unread {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Unread {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Unread {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// Sends `request` to the RPC at `path`. Of metadata only rate figures come back; an error that no part of ours reported is
/// said in our own words.
pub(crate) async fn forward(
    peer: Peer,
    path: &'static str,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, Status> {
    let mut client = tonic::client::Grpc::new(peer).max_decoding_message_size(MOST_PAGE_BYTES);
    let sent = match client.ready().await {
        Ok(()) => client.unary(request, PathAndQuery::from_static(path), Unread).await,
        Err(error) => Err(Status::from_error(error)),
    };
    match sent {
        Ok(mut reply) => {
            *reply.metadata_mut() = figures(reply.metadata());
            Ok(reply)
        }
        Err(status) if Refusal::is_ours(&status) => {
            let details = Bytes::copy_from_slice(status.details());
            let figures = figures(status.metadata());
            Err(Status::with_details_and_metadata(status.code(), status.message(), details, figures))
        }
        Err(status) => Err(Error::Refused(Box::new(Refusal::of(&status)), HeaderMap::new()).to_status()),
    }
}

fn figures(metadata: &MetadataMap) -> MetadataMap {
    let mut figures = HeaderMap::new();
    put_figures(metadata, &mut figures);
    MetadataMap::from_headers(figures)
}
