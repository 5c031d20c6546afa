"""Whether variables fit the schema that is said of them. Reads lines of JSON: {"schema", "given"}, both as text. Answers each with a
line: true or false."""

import json
import sys

from jsonschema import Draft202012Validator

for line in sys.stdin:
    question = json.loads(line)
    schema = json.loads(question["schema"])
    Draft202012Validator.check_schema(schema)
    print(json.dumps(Draft202012Validator(schema).is_valid(json.loads(question["given"]))))
