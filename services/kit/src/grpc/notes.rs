//! What a handler notes for its caller beside the reply, such as rate figures.

use tonic::{
    Response, Status,
    metadata::{KeyAndValueRef, MetadataMap},
};

/// The outcome of an RPC, with what its handler noted as the metadata of the reply or of the error.
pub fn answer<T>(outcome: Result<T, Status>, notes: MetadataMap) -> Result<Response<T>, Status> {
    match outcome {
        Ok(message) => {
            let mut response = Response::new(message);
            *response.metadata_mut() = notes;
            Ok(response)
        }
        Err(mut status) => {
            for entry in notes.iter() {
                if let KeyAndValueRef::Ascii(name, value) = entry {
                    status.metadata_mut().insert(name, value.clone());
                }
            }
            Err(status)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_and_errors_carry_what_was_noted() {
        let notes = MetadataMap::from_headers([("ratelimit-limit".parse().unwrap(), 5.into())].into_iter().collect());
        let reply = answer(Ok(1), notes.clone()).unwrap();
        assert_eq!((reply.metadata().get("ratelimit-limit"), reply.get_ref()), (notes.get("ratelimit-limit"), &1));
        let mut refusal = Status::not_found("gone");
        refusal.metadata_mut().insert("other", 1.into());
        let refusal = answer::<()>(Err(refusal), notes).unwrap_err();
        assert_eq!((refusal.message(), refusal.metadata().len()), ("gone", 2));
    }
}
