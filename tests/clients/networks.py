"""Reads lists of networks and says which admit an address, with Python's own implementation.

    networks.py    (on standard input [{"list": …, "address": …}, …])

Prints a JSON list: true, false, or null for a list that is refused. Beside what `ipaddress` refuses, that are more than 24
entries, netmasks, zones and prefixes of more than three digits.
"""

import ipaddress
import json
import re
import sys

MOST = 24


def network(entry):
    if not re.fullmatch(r"[^%/]+(/\d{1,3})?", entry, re.ASCII):
        raise ValueError(entry)
    found = ipaddress.ip_network(entry)
    mapped = found.network_address.ipv4_mapped if found.version == 6 and found.prefixlen >= 96 else None
    return ipaddress.ip_network((mapped, found.prefixlen - 96)) if mapped else found


def admits(text, address):
    address = ipaddress.ip_address(address)
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped
    entries = text.split()
    if len(entries) > MOST:
        return None
    try:
        networks = [network(entry) for entry in entries]
    except ValueError:
        return None
    return any(address in network for network in networks)


print(json.dumps([admits(case["list"], case["address"]) for case in json.load(sys.stdin)]))
