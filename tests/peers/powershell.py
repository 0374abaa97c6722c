"""Parses PowerShell scripts with the grammar of tree-sitter; fails on the first that does not parse.

PowerShell itself is not to be had from Debian or PyPI, so the scripts are parsed here and not run.
"""

import sys

import tree_sitter_powershell
from tree_sitter import Language, Parser

parser = Parser(Language(tree_sitter_powershell.language()))


def faults(node):
    if node.type == "ERROR" or node.is_missing:
        yield node
    for child in node.children:
        yield from faults(child)


def commands(node):
    """The names of the commands that are called."""
    if node.type == "command_name":
        yield node.text.decode()
    for child in node.children:
        yield from commands(child)


for path in sys.argv[1:]:
    with open(path, "rb") as file:
        tree = parser.parse(file.read())
    for node in faults(tree.root_node):
        line, column = node.start_point
        sys.exit(f"{path}:{line + 1}:{column + 1}: {node.text.decode(errors='replace')[:80]}")
    print(path, len(tree.root_node.children), " ".join(sorted(set(commands(tree.root_node)))))
