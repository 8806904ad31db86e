"""Commands of a shell."""

import shlex


def shell(*words):
    return " ".join(shlex.quote(word) for word in words)
