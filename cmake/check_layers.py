#!/usr/bin/env python3
"""check_layers.py [SOURCE_DIR]

Compares every #include of src/ and include/ with cmake/layers.txt, and its table with the
vstate_module lines of CMakeLists.txt. Prints file:line of each edge that the table does not have.
"""
import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
MODULE_LINE = re.compile(r"^vstate_module\(([a-z_ ]+)\)", re.M)


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


def problem_of(included, path, module, table, is_public, has_public):
    """What is wrong with one quoted include, or nothing."""
    parts = included.split("/")
    if parts[0] == "vstate":
        other = parts[1] if len(parts) > 2 else None
        if other not in table:
            return f'"{included}" belongs to no module of cmake/layers.txt'
        if other not in table[module] | {module, "base"}:
            return f'{module} may not include {other} ("{included}")'
        return None
    if is_public:
        return f'a public header includes "{included}", which is no public header'
    if len(parts) > 1:
        return f'"{included}": a private header is for its own folder, and is named without one'
    if not included.endswith("_impl.h") and has_public:
        return f'"{included}": beside public headers, private ones are named *_impl.h'
    if not (path.parent / included).exists():
        return f'"{included}" is not in {path.parent.name}/'
    return None


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    table = read_table(root / "cmake/layers.txt")
    errors, files = [], 0
    for base, is_public in (("src", False), ("include/vstate", True)):
        for path in sorted((root / base).rglob("*")):
            if path.suffix not in (".cc", ".h"):
                continue
            files += 1
            where, module = path.relative_to(root), path.relative_to(root / base).parts[0]
            if module not in table:
                errors.append(f"{where}:1: {module} is no module of cmake/layers.txt")
                continue
            has_public = (root / "include/vstate" / module).is_dir()
            for number, line in enumerate(path.read_text().splitlines(), 1):
                found = INCLUDE.match(line)
                if found and (problem := problem_of(found[1], path, module, table, is_public,
                                                    has_public)):
                    errors.append(f"{where}:{number}: {problem}")

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
