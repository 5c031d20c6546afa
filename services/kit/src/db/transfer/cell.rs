//! Values, in a form that both engines' come to.

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{
    DatabaseBackend, DbErr, QueryResult,
    sea_query::{Expr, ExprTrait, Value},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Uuid,
    Text,
    /// UTC, in microseconds, as RFC 3339.
    Time,
    Bool,
    /// 16 bits.
    Short,
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
    Double,
    /// As hexadecimal digits.
    Bytes,
    /// As the text that was stored, byte for byte.
    Json,
}

impl Kind {
    /// What a column of this declared type holds: as `SQLite` was told it, or as `PostgreSQL` calls it.
    pub(super) fn of(declared: &str) -> Option<Self> {
        let declared = declared.to_lowercase();
        let name = declared.split('(').next().unwrap_or_default().trim();
        Some(match name {
            "uuid_text" | "uuid" => Self::Uuid,
            "varchar" | "text" => Self::Text,
            "timestamp_with_timezone_text" | "timestamptz" => Self::Time,
            "boolean" | "bool" => Self::Bool,
            "smallint" | "int2" => Self::Short,
            "int4" => Self::Int,
            // `SQLite` has one type of whole numbers.
            "integer" | "bigint" | "int8" => Self::Long,
            "double" | "real" | "float" | "float8" => Self::Double,
            "blob" | "varbinary_blob" | "bytea" => Self::Bytes,
            "json_text" | "json" => Self::Json,
            _ => return None,
        })
    }

    /// What reads a column of this kind, whose name is `quoted`.
    pub(super) fn select(self, quoted: &str) -> String {
        match self {
            Self::Json => format!("CAST({quoted} AS text) AS {quoted}"),
            _ => quoted.to_owned(),
        }
    }

    /// The value of a row.
    pub(super) fn read(self, row: &QueryResult, name: &str) -> Result<Json, DbErr> {
        Ok(match self {
            Self::Uuid => json!(row.try_get::<Option<Uuid>>("", name)?),
            Self::Text | Self::Json => json!(row.try_get::<Option<String>>("", name)?),
            Self::Time => {
                let time: Option<DateTime<Utc>> = row.try_get("", name)?;
                json!(time.map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, true)))
            }
            Self::Bool => json!(row.try_get::<Option<bool>>("", name)?),
            Self::Short => json!(row.try_get::<Option<i16>>("", name)?),
            Self::Int => json!(row.try_get::<Option<i32>>("", name)?),
            Self::Long => json!(row.try_get::<Option<i64>>("", name)?),
            Self::Double => json!(row.try_get::<Option<f64>>("", name)?),
            Self::Bytes => json!(row.try_get::<Option<Vec<u8>>>("", name)?.map(hex::encode)),
        })
    }

    /// The value for a statement; `None`: it isn't of this kind.
    pub(super) fn write(self, cell: Json, backend: DatabaseBackend) -> Option<Expr> {
        let text = |cell: Json| match cell {
            Json::Null => Some(None),
            Json::String(text) => Some(Some(text)),
            _ => None,
        };
        let absent = cell == Json::Null;
        let value: Value = match self {
            Self::Uuid => text(cell)?.map(|text| text.parse::<Uuid>()).transpose().ok()?.into(),
            // `SQLite` would make a number of what it casts to a type that it doesn't know.
            Self::Json if backend == DatabaseBackend::Postgres => return Some(Expr::val(text(cell)?).cast_as("json")),
            Self::Text | Self::Json => text(cell)?.into(),
            Self::Time => {
                let time = text(cell)?.map(|text| DateTime::parse_from_rfc3339(&text)).transpose().ok()?;
                time.map(|time| time.with_timezone(&Utc)).into()
            }
            Self::Bytes => text(cell)?.map(hex::decode).transpose().ok()?.into(),
            Self::Bool if absent => Value::from(None::<bool>),
            Self::Bool => cell.as_bool()?.into(),
            Self::Short if absent => Value::from(None::<i16>),
            Self::Short => i16::try_from(cell.as_i64()?).ok()?.into(),
            Self::Int if absent => Value::from(None::<i32>),
            Self::Int => i32::try_from(cell.as_i64()?).ok()?.into(),
            Self::Long if absent => Value::from(None::<i64>),
            Self::Long => cell.as_i64()?.into(),
            Self::Double if absent => Value::from(None::<f64>),
            Self::Double => cell.as_f64()?.into(),
        };
        Some(Expr::val(value))
    }
}
