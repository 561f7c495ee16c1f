//! Problems in the OpenAPI document.

use serde_json::{Value, json};

use crate::schema::Documented;

use super::{Code, Problem};

impl Documented for Problem {
    const NAME: &'static str = "Problem";

    fn schema() -> Value {
        let slugs: Vec<&str> = Code::ALL.iter().map(|code| code.slug()).collect();
        json!({
            "type": "object",
            "description": "A refusal (RFC 9457).",
            "required": ["type", "title", "status", "instance", "code"],
            "properties": {
                "type": { "type": "string", "format": "uri", "description": "Where this kind of problem is explained." },
                "title": { "type": "string", "description": "What it is, in a few words." },
                "status": { "type": "integer", "format": "int32", "minimum": 400, "maximum": 599, "description": "The status of the answer." },
                "detail": { "type": "string", "description": "What is wrong this time, for a developer." },
                "instance": { "type": "string", "format": "uri", "description": "This occurrence: the request id.", "example": "urn:portcullis:request:01981f3e-7a60-7c1e-9d0b-52f1c1a6a001" },
                "code": { "type": "string", "enum": slugs, "description": "What it is, for a program; never changes its meaning." },
                "errors": {
                    "type": "array",
                    "description": "Everything that is wrong with the request.",
                    "items": {
                        "type": "object",
                        "required": ["code", "detail"],
                        "properties": {
                            "pointer": { "type": "string", "description": "Where in the body: a JSON pointer (RFC 6901)." },
                            "parameter": { "type": "string", "description": "Which query parameter." },
                            "code": {
                                "type": "string", "pattern": "^[a-z]+(-[a-z]+)*$", "example": "too-short",
                                "description": "What is wrong: `required`, `unknown-field`, `wrong-type`, `too-short`, `too-long`, `malformed`, `reserved`, `weak-password`, `conflicting`, `unsupported`, `unknown`, `out-of-range`, `repeated`, `unknown-parameter`.",
                            },
                            "detail": { "type": "string", "description": "What is wrong, for a person." },
                        },
                    },
                },
            },
        })
    }
}
