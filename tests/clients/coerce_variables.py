"""What graphql-core makes of variables. Reads lines of JSON: first {"sdl"}, then {"operation", "given"} for each case.
Answers each with a line: {"values": what it coerced, less the defaults that it filled in} or {"faulty": the variables that don't fit}."""

import json
import re
import sys

from graphql import GraphQLInputObjectType, GraphQLList, GraphQLNonNull, build_schema, parse, type_from_ast
from graphql.execution import get_variable_values


def without_defaults(value, given, kind):
    if isinstance(kind, GraphQLNonNull):
        return without_defaults(value, given, kind.of_type)
    if value is None:
        return None
    if isinstance(kind, GraphQLList):
        if not isinstance(given, list):
            return [without_defaults(value[0], given, kind.of_type)]
        return [without_defaults(one, of, kind.of_type) for one, of in zip(value, given, strict=True)]
    if isinstance(kind, GraphQLInputObjectType):
        names = [name for name in value if name in given]
        return {name: without_defaults(value[name], given[name], kind.fields[name].type) for name in names}
    return value


def answer(schema, question):
    variables = parse(question["operation"]).definitions[0].variable_definitions
    given = json.loads(question["given"])
    coerced = get_variable_values(schema, variables, given)
    if isinstance(coerced, list):
        names = {re.search(r"Variable ['\"]\$(\w+)['\"]", error.message)[1] for error in coerced}
        return {"faulty": sorted(names)}
    kinds = {variable.variable.name.value: type_from_ast(schema, variable.type) for variable in variables}
    names = [name for name in kinds if name in given]
    return {"values": {name: without_defaults(coerced.coerced[name], given[name], kinds[name]) for name in names}}


def main():
    lines = iter(sys.stdin)
    schema = build_schema(json.loads(next(lines))["sdl"])
    for line in lines:
        print(json.dumps(answer(schema, json.loads(line)), allow_nan=False))


main()
