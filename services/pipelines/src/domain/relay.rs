//! Relay's global ids: base64 of `Type---uuid`.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use uuid::Uuid;

/// Callers copy ids from URLs and shells, which like to lose the padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The types that have global ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Build,
    Organization,
    OrganizationMember,
    Pipeline,
    Team,
    TeamMember,
    TeamPipeline,
    User,
    Viewer,
}

const KINDS: [(Kind, &str); 9] = [
    (Kind::Build, "Build"),
    (Kind::Organization, "Organization"),
    (Kind::OrganizationMember, "OrganizationMember"),
    (Kind::Pipeline, "Pipeline"),
    (Kind::Team, "Team"),
    (Kind::TeamMember, "TeamMember"),
    (Kind::TeamPipeline, "TeamPipeline"),
    (Kind::User, "User"),
    (Kind::Viewer, "Viewer"),
];

impl Kind {
    fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

/// Writes the global id of an object.
pub(crate) fn encode(kind: Kind, uuid: Uuid) -> String {
    LENIENT.encode(format!("{}---{uuid}", kind.name()))
}

/// Reads a global id; `None` when it is none.
pub(crate) fn decode(id: &str) -> Option<(Kind, Uuid)> {
    let text = String::from_utf8(LENIENT.decode(id).ok()?).ok()?;
    let (name, uuid) = text.split_once("---")?;
    let (kind, _) = KINDS.iter().find(|(_, known)| *known == name)?;
    Some((*kind, Uuid::try_parse(uuid).ok()?))
}

/// Reads the global id of a given type.
pub(crate) fn decode_as(kind: Kind, id: &str) -> Option<Uuid> {
    decode(id).filter(|(found, _)| *found == kind).map(|(_, uuid)| uuid)
}

/// Base64 with padding, for cursors.
pub(crate) fn seal(text: &str) -> String {
    LENIENT.encode(text)
}

/// Undoes [`seal`].
pub(crate) fn unseal(text: &str) -> Option<String> {
    String::from_utf8(LENIENT.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_those_of_the_original() {
        let uuid = Uuid::from_u128(0x42);
        let id = encode(Kind::Pipeline, uuid);
        assert!(id.starts_with("UGlwZWxpbmUtLS0w"), "{id}");
        assert_eq!(decode(&id), Some((Kind::Pipeline, uuid)));
        assert_eq!(decode(id.trim_end_matches('=')), Some((Kind::Pipeline, uuid)));
    }

    #[test]
    fn what_is_no_id_is_not_read() {
        let uuid = Uuid::from_u128(7);
        for text in
            ["", "%", "Pipeline---", &seal("Pipeline---x"), &seal(&format!("Job---{uuid}")), "UGlwZWxpbmUtLS0w..."]
        {
            assert_eq!(decode(text), None, "{text}");
        }
        assert_eq!(decode_as(Kind::Build, &encode(Kind::Pipeline, uuid)), None);
    }

    #[test]
    fn every_kind_survives_the_round_trip() {
        for (kind, _) in KINDS {
            assert_eq!(decode_as(kind, &encode(kind, Uuid::from_u128(9))), Some(Uuid::from_u128(9)));
        }
    }
}
