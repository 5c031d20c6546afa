//! Every RPC of the contracts, and calls that know nothing of their messages: what holds for all of them can be asked of
//! each, the ones to come included.

use std::{collections::HashMap, time::Duration};

use prost::Message;
use prost_types::{
    DescriptorProto, FileDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
    source_code_info::Location,
};
use tonic::{
    Request, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::AsciiMetadataKey,
    transport::Channel,
};

/// What every UUID of a request is filled with. Nothing has it.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";
/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// An RPC.
#[derive(Clone, Debug)]
pub struct Rpc {
    /// `/package.Service/Method`.
    pub path: String,
    /// `package.Service`.
    pub service: String,
    /// What the contract says of it.
    pub comment: String,
    /// A request whose UUIDs are well formed and name nothing; all other values are empty.
    pub message: Vec<u8>,
    /// Whether either side streams.
    pub streams: bool,
}

/// The RPCs of the contracts.
pub fn all() -> Vec<Rpc> {
    let set = FileDescriptorSet::decode(contracts::DESCRIPTORS).unwrap();
    let ours: Vec<_> = set.file.into_iter().filter(|file| file.package().starts_with("portals.")).collect();
    let messages: HashMap<String, DescriptorProto> = ours
        .iter()
        .flat_map(|file| {
            let package = file.package().to_owned();
            file.message_type.iter().map(move |message| (format!(".{package}.{}", message.name()), message.clone()))
        })
        .collect();
    ours.iter().flat_map(|file| of_file(file, &messages)).collect()
}

fn of_file(file: &FileDescriptorProto, messages: &HashMap<String, DescriptorProto>) -> Vec<Rpc> {
    let comment = |path: &[i32]| {
        let locations = file.source_code_info.iter().flat_map(|info| &info.location);
        locations.filter(|location| location.path == path).map(Location::leading_comments).collect::<String>()
    };
    let mut rpcs = Vec::new();
    for (service_at, service) in (0..).zip(&file.service) {
        let name = format!("{}.{}", file.package(), service.name());
        for (method_at, method) in (0..).zip(&service.method) {
            rpcs.push(Rpc {
                path: format!("/{name}/{}", method.name()),
                service: name.clone(),
                comment: comment(&[6, service_at, 2, method_at]),
                message: filled(messages, method.input_type(), 0),
                streams: method.client_streaming() || method.server_streaming(),
            });
        }
    }
    rpcs
}

/// A message of that type with its UUIDs and the messages in it, and theirs.
fn filled(messages: &HashMap<String, DescriptorProto>, name: &str, depth: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Some(message) = messages.get(name).filter(|_| depth < 3) else { return bytes };
    for field in message.field.iter().filter(|field| field.label() != Label::Repeated) {
        let value = match field.r#type() {
            Type::String if field.name().ends_with("uuid") => NOBODY.as_bytes().to_vec(),
            Type::Message if messages.contains_key(field.type_name()) => filled(messages, field.type_name(), depth + 1),
            _ => continue,
        };
        bytes.extend(delimited(field.number(), &value));
    }
    bytes
}

/// A length-delimited field.
pub fn delimited(number: i32, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(u64::from(number.unsigned_abs()) << 3 | 2, &mut bytes);
    prost::encoding::encode_varint(value.len() as u64, &mut bytes);
    bytes.extend(value);
    bytes
}

/// Sends the bytes of one message with these metadata and reads one.
pub async fn call(
    channel: &Channel,
    path: &str,
    message: Vec<u8>,
    metadata: &[(&str, &str)],
) -> Result<Vec<u8>, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone()).max_decoding_message_size(64 << 20);
    client.ready().await.unwrap();
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    for (name, value) in metadata {
        request.metadata_mut().insert(AsciiMetadataKey::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    Ok(client.unary(request, path.parse().unwrap(), Unread).await?.into_inner())
}

/// Messages as bytes.
#[derive(Clone, Copy, Debug)]
struct Unread;

impl Codec for Unread {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
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
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(buffer, &message);
        Ok(())
    }
}

impl Decoder for Unread {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        use bytes::Buf;
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}
