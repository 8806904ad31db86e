#!/usr/bin/env python3
"""check_layers.py [SOURCE_DIR]

Compares every #include of src/ and include/ with cmake/layers.txt, and its table with the
vstate_module lines of CMakeLists.txt. Prints file:line of each edge that the table does not have,
and each circle of headers.
"""
import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
MODULE_LINE = re.compile(r"^vstate_module\(([a-z_\s]+)\)", re.M)
ROOTS = ("src", "include")


def read_table(path):
    table = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        module, _, allowed = line.partition(":")
        table[module.strip()] = set(allowed.split())
        for name in allowed.split():
            if name not in table:
                sys.exit(f"{path}:{number}: {name} must stand above {module}: edges go one way")
    return table


def module_of(name):
    """The module that a path below src/ or include/ belongs to: vstate/plan/plan.h is plan's."""
    parts = name.split("/")
    if parts[0] == "vstate":
        parts = parts[1:]
    return parts[0] if len(parts) > 1 else None


def problem_of(included, module, table, is_public, root):
    """What is wrong with one quoted include, or nothing."""
    other = module_of(included)
    if other not in table:
        return f'"{included}" belongs to no module of cmake/layers.txt'
    if not any((root / base / included).exists() for base in ROOTS):
        return f'"{included}" is in neither src/ nor include/'
    if other not in table[module] | {module, "base"}:
        return f'{module} may not include {other} ("{included}")'
    if is_public and not included.startswith("vstate/"):
        return f'a header that is installed includes "{included}", which is not'
    return None


def find_circle(graph):
    """The first circle of headers that include each other, or nothing."""
    done, path = set(), []

    def visit(name):
        if name in path:
            return path[path.index(name):] + [name]
        if name in done:
            return None
        path.append(name)
        found = next((circle for other in graph.get(name, ()) if (circle := visit(other))), None)
        path.pop()
        done.add(name)
        return found

    return next((circle for name in graph if (circle := visit(name))), None)


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    table = read_table(root / "cmake/layers.txt")
    errors, files, graph = [], 0, {}
    for base in ROOTS:
        for path in sorted((root / base).rglob("*")):
            if path.suffix not in (".cc", ".h"):
                continue
            files += 1
            where, name = path.relative_to(root), str(path.relative_to(root / base))
            module = module_of(name)
            if module not in table:
                errors.append(f"{where}:1: {module} is no module of cmake/layers.txt")
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if not (found := INCLUDE.match(line)):
                    continue
                graph.setdefault(name, []).append(found[1])
                if problem := problem_of(found[1], module, table, base == "include", root):
                    errors.append(f"{where}:{number}: {problem}")
    if circle := find_circle(graph):
        errors.append(f"{circle[0]}:1: a circle: {' -> '.join(circle)}")

    build = (root / "CMakeLists.txt").read_text()
    for found in MODULE_LINE.finditer(build):
        module, *linked = found[1].split()
        line = build.count("\n", 0, found.start()) + 1
        if module in table and set(linked) - {"base"} != table[module] - {"base"}:
            errors.append(f"CMakeLists.txt:{line}: {module} links {' '.join(linked) or 'nothing'}, "
                          f"cmake/layers.txt has {' '.join(sorted(table[module])) or 'nothing'}")
        elif module not in table:
            errors.append(f"CMakeLists.txt:{line}: {module} is no module of cmake/layers.txt")
    print("\n".join(errors) or f"{files} files, no forbidden edge")
    return 1 if errors else 0


sys.exit(main())
