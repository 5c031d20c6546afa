"""Whether answers fit the shapes that are said of them. Reads lines of JSON: first {"sdl"}, then {"operation", "shape"} for each
case. Lets graphql-core answer each operation with random data, and answers with a line: {"answers": how many fit, "misfits": those
that didn't, "mutants": how many spoilt ones were refused, "survivors": those that weren't}."""

import copy
import json
import random
import sys

from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLUnionType,
    build_schema,
    execute_sync,
    parse,
)
from jsonschema import Draft202012Validator

ROUNDS = 4
LEAVES = {
    "Int": lambda: random.randint(-9, 9),
    "Float": lambda: random.choice([0.5, 2.0, -1e30]),
    "String": lambda: random.choice(["", "ü"]),
    "ID": lambda: "1",
    "Boolean": lambda: random.random() < 0.5,
    "Time": lambda: random.choice([1, "2026", {"a": [None]}, [1]]),
}


def value(kind):
    if isinstance(kind, GraphQLNonNull):
        if random.random() < 0.02:
            raise ValueError("nothing there")
        return some(kind.of_type)
    return None if random.random() < 0.15 else some(kind)


def some(kind):
    if isinstance(kind, GraphQLList):
        return [value(kind.of_type) for _ in range(random.randint(0, 3))]
    if isinstance(kind, GraphQLEnumType):
        return random.choice(list(kind.values))
    return LEAVES.get(kind.name, dict)()


def pick(schema):
    def resolve_type(_value, _info, abstract):
        assert isinstance(abstract, GraphQLInterfaceType | GraphQLUnionType)
        return random.choice(schema.get_possible_types(abstract)).name

    return resolve_type


def mutants(data, shape):
    """Copies of an answer, each with one thing wrong that its shape must know of."""
    places = []

    def walk(at, shape, path):
        if isinstance(at, dict) and "properties" in shape:
            places.append((path, "more", None))
            places.extend((path, "less", key) for key in shape["required"])
            for key, below in at.items():
                walk(below, shape["properties"][key], [*path, key])
        elif isinstance(at, list) and "items" in shape:
            for key, below in enumerate(at):
                walk(below, shape["items"], [*path, key])
        if path and "type" in shape:
            places.append((path, "other", {"no": ["such"]} if shape["type"] != "object" else 7))
            if isinstance(shape["type"], str):
                places.append((path, "other", None))
            if "enum" in shape or "const" in shape:
                places.append((path, "other", "Nonsense"))

    walk(data, shape, [])
    for path, what, with_ in random.sample(places, min(6, len(places))):
        spoilt = copy.deepcopy(data)
        parent, at = None, spoilt
        for step in path:
            parent, at = at, at[step]
        if what == "more":
            at["unasked"] = 1
        elif what == "less":
            del at[with_]
        else:
            parent[path[-1]] = with_
        yield spoilt


def answer(schema, question):
    document, shape = parse(question["operation"]), question["shape"]
    Draft202012Validator.check_schema(shape)
    validator = Draft202012Validator(shape)
    said = {"answers": 0, "misfits": [], "mutants": 0, "survivors": []}
    for _ in range(ROUNDS):
        variables = {name: random.random() < 0.5 for name in "xy"}
        result = execute_sync(
            schema,
            document,
            variable_values=variables,
            field_resolver=lambda _of, info: value(info.return_type),
            type_resolver=pick(schema),
        )
        if not validator.is_valid(result.data):
            said["misfits"].append({"data": result.data, "variables": variables})
            continue
        said["answers"] += 1
        if result.data is None:
            continue
        for spoilt in mutants(result.data, shape):
            said["mutants"] += 1
            if validator.is_valid(spoilt):
                said["survivors"].append(spoilt)
    return said


def main():
    random.seed(1)
    lines = iter(sys.stdin)
    schema = build_schema(json.loads(next(lines))["sdl"])
    for line in lines:
        print(json.dumps(answer(schema, json.loads(line))))


main()
