"""A generator of mboxes as twenty years of programs have left them: every form of a date that
Dovecot's mbox driver reads, headers in any order and case, right and wrong Content-Lengths, quotes,
odd bytes, messages without an end of line, numbers of other servers. It must not know vstate."""

import time

DATES = ("%a %b %d %H:%M:%S %Y", "%a %b %e %H:%M:%S %Y", "%a %b %e %H:%M %Y",
         "%a %b %e %H:%M:%S %Y +0200", "%a, %d %b %Y %H:%M:%S +0000",
         "%a %b %e %H:%M:%S %Y remote from x", "%a %b %e %H:%M:%S UTC %Y")
SENDERS = ("joe@x", "-", "joe", "<joe@x>", "MAILER-DAEMON")
LINES = (b"text\n", b"\n", b">From x\n", b">>From y\n", b"From here\n", b"From joe today\n",
         b"\xe4\xff\n", b"From: x\n", b"Status: RO\n", b" \n", b"a\rb\n", b"c\r\n", b">\n")
MARKS = (("Status: RO\n", "Status: O\n", "status:R\n", "Status: \n", "Status: RO   \n"),
         ("X-Status: A\n", "X-Status: FT\n", "X-Status: D\n", "X-Status:\n"),
         ("X-Keywords: Work\n", "X-Keywords: a b c\n", "X-Keywords:    \n"))
INTERNAL = b"""From MAILER-DAEMON Fri Jan  5 10:00:00 2001
Date: 05 Jan 2001 10:00:00 +0000
From: Mail System Internal Data <MAILER-DAEMON@x>
Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA
X-IMAP: 981000000 0000000007 Old New
Status: RO

This text is part of the internal format of your mail folder.

"""
INNER = b"\nFrom bob Mon Jan  1 00:00:00 2001\nSubject: in\n\nx\n"


def headers(rnd, number, body):
    out = [f"Subject: m{number}\n"]
    out += ["To: a@b,\n\tc@d\n"] if rnd.random() < .5 else []
    out += [rnd.choice(kind) for kind in MARKS if rnd.random() < .3]
    out += ["X-Long: x\n y\n  z\n"] if rnd.random() < .2 else []
    rnd.shuffle(out)
    kind = rnd.random()
    if kind < .3 or INNER in body:
        out.insert(rnd.randrange(len(out) + 1), f"Content-Length: {len(body)}\n")
    elif kind < .4:
        out.insert(0, f"Content-Length: {len(body) + rnd.randrange(1, 99)}\n")
    return out


def message(rnd, number, more):
    stamp = time.gmtime(1000000000 + rnd.randrange(600000000))
    body = b"".join(rnd.choice(LINES) for _ in range(rnd.randrange(6)))
    body += INNER if rnd.random() < .2 else b""
    head = f"From {rnd.choice(SENDERS)}{rnd.choice((' ', '  '))}" + \
        time.strftime(rnd.choice(DATES), stamp)
    lines = headers(rnd, number, body) + more
    rnd.shuffle(lines)
    text = (head + "\n" + "".join(lines) + "\n").encode() + body
    return text + (b"no end" if rnd.random() < .05 else b"")


def mbox(rnd):
    out, uid, size = [], 0, rnd.randrange(1, 8)
    is_internal = rnd.random() < .3
    has_base = not is_internal and rnd.random() < .5
    out += [INTERNAL] if is_internal else []
    for number in range(size):
        more = ["X-IMAPbase: 981000001 0000000020 Work\n"] if has_base and not number else []
        if rnd.random() < .5:
            uid += rnd.randrange(1, 3)
            more.append(f"X-UID: {uid}   \n")
        is_last = number == size - 1
        out.append(message(rnd, number, more) + (b"" if is_last and rnd.random() < .3 else b"\n"))
    return b"".join(out)
