"""All that a change to a file alters: pictures of a tree that can be compared."""

import hashlib
import os
import stat


def entry_of(path):
    st = os.lstat(path)
    content = None
    if stat.S_ISREG(st.st_mode):
        with open(path, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
    elif stat.S_ISLNK(st.st_mode):
        content = os.readlink(path)
    return (st.st_ino, st.st_mode, st.st_uid, st.st_gid, st.st_nlink, st.st_size, st.st_mtime_ns,
            st.st_ctime_ns, content)


def snapshot(root, skip=()):
    """Every path below `root`, itself included, with all that a change to it would alter."""
    found = {".": entry_of(root)}
    for place, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(place, name)
            relative = os.path.relpath(path, root)
            if not any(relative.startswith(prefix) for prefix in skip):
                found[relative] = entry_of(path)
    return found


def changed_paths(before, after):
    """The paths that two snapshots do not agree about, sorted."""
    return sorted(path for path in before.keys() | after.keys()
                  if before.get(path) != after.get(path))
