"""What the end-to-end tests share. No test module imports another one: what two of them need is
here.

Here stands what nearly every test uses; the rest is imported by its topic:

    from support import dovecot
    from support.passes import PullCase

program     the program under test, and how it is run
servers     a mail server in a directory, empty or with a few accounts
example_server  examples/make-server.py as a module
route_server    a server with every way that a message can take on it
machine     a machine without vpopmail: people, their homes and mboxes
odd_mboxes  mboxes of every odd form
old_server  a server laid out file by file, with nothing of the program under test
captures    real servers, what their own tools printed, and their dumps
passes      pulling a domain again and again while both sides live
archives    mail archives, right and wrong
raw_tar, hostile_tars   tars header by header, and those that do harm
streams     streams of a domain with its mail
measured    the program with its memory and time, and what feeds it
swapping    somebody who swaps places for links
honest_sftp, lying_sftp.py           SFTP servers that can be told to lie
domains     domain files, their hashes, and tables of wrong ones
trees       all that a change to a file alters
formats     cdb files, crypt(3)
cases       a directory of its own for each test
databases   private MariaDB and PostgreSQL servers, and mail servers on them
clients     what a mail program does and sees, asked of a Dovecot
dovecot, courier, ssh                private servers of mail and of logins
fake_rsh.py, cut_proxy.py            programs that stand in for an ssh, and for its network
disturb     kills and faults at a counted call
neighbours  the other programs of a mail server, with their locks and renames, as processes
operators   people who call vstate again and again beside them
denied      the program on a kernel that seems to lack some calls
killing     scenarios that are killed anywhere and run again
untidy      servers as people, disks and twenty years left them
"""

from .cases import SandboxCase, needs_root, needs_strace
from .domains import MD5, SHA512, domain_text, load_toml, mailbox_text
from .formats import cdb_find, cdb_records, crypt
from .program import DEEP, IS_ROOT, NOTHING, STRACE, TREE, VSTATE, Outcome, environment, main, run
from .servers import (
    OWNER,
    Server,
    config_header,
    give,
    make_directories,
    make_server,
    provide_programs,
)
from .trees import changed_paths, entry_of, snapshot

__all__ = [
    "DEEP", "IS_ROOT", "MD5", "NOTHING", "OWNER", "SHA512", "STRACE", "TREE", "VSTATE",
    "Outcome", "SandboxCase", "Server", "cdb_find", "cdb_records", "changed_paths",
    "config_header", "crypt", "domain_text", "entry_of", "environment", "give", "load_toml",
    "mailbox_text", "main", "make_directories", "make_server", "needs_root", "needs_strace",
    "provide_programs", "run", "snapshot",
]
