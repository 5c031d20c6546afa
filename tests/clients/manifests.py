"""Reads YAML documents from standard input and prints them as one JSON array, without the empty ones."""

import json
import sys

import yaml

print(json.dumps([document for document in yaml.safe_load_all(sys.stdin) if document]))
