"""A whole qmail with vpopmail, run in a mount and process namespace below a root of its own: each
address is first offered to qmail-smtpd, then sent as one message, and what became of it is read
from qmail-send's log and from the Maildirs. qmail-remote may be replaced by a program that takes
everything."""

import json
import os
import pwd
import re
import subprocess
import sys

SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib64"]
REMOTE = "#!/bin/sh\ncat >/dev/null\nprintf 'r\\0Ktaken\\0'\n"

RUNNER = r'''
import json, os, re, subprocess, sys, time
qmail, addresses = json.load(open("/addresses.json"))

def smtp(addresses):
    """Whether qmail-smtpd takes each address: the first digit of its answer, or "4" where it ends
    before."""
    def become():
        os.setgroups([]); os.setgid(ids[1]); os.setuid(ids[0])
    ids = json.load(open("/qmaild.json"))
    asked = "".join(f"RCPT TO:<{a}>\r\n" for a in addresses)
    says = f"HELO x\r\nMAIL FROM:<s@x.example>\r\n{asked}QUIT\r\n"
    done = subprocess.run([qmail + "/bin/qmail-smtpd"], input=says.encode(), capture_output=True,
                          preexec_fn=become,
                          env={"TCPREMOTEIP": "10.0.0.1", "PATH": "/usr/bin:/bin"})
    answers = [line[:1] for line in done.stdout.decode().splitlines()][3:]
    is_whole = len(answers) > len(addresses)
    return [answers[i] if i < len(answers) and is_whole else "4" for i in range(len(addresses))]

def send(number, address):
    body = f"Subject: t{number}.\n\nhello\n".encode()
    envelope = f"Ft{number}@sender.out.example\0T{address}\0\0".encode()
    r, w = os.pipe()
    os.write(w, envelope); os.close(w)
    rb, wb = os.pipe()
    os.write(wb, body); os.close(wb)
    pid = os.fork()
    if pid == 0:
        os.dup2(rb, 0); os.dup2(r, 1)
        os.execv(qmail + "/bin/qmail-queue", ["qmail-queue"])
    os.close(r); os.close(rb)
    assert os.waitpid(pid, 0)[1] == 0, address

def started(): return log().count("starting delivery")
def ended(): return len(re.findall(r"^(?:\d+\.\d+ )?delivery \d+:", log(), re.M))
def log(): return open("/qmail.log", errors="replace").read()

accepted = smtp(addresses)
os.environ["PATH"] = qmail + "/bin:/usr/bin:/bin"
server = subprocess.Popen([qmail + "/bin/qmail-start", "./Mailbox"], stdout=open("/qmail.log", "w"),
                          stderr=subprocess.STDOUT)
for number, (address, answer) in enumerate(zip(addresses, accepted)):
    if answer == "2": send(number, address)
quiet, size, begun = 0, -1, time.time()
while quiet < 4 and time.time() - begun < 400:
    time.sleep(0.5)
    now = len(log())
    todo = sum(len(f) for _, _, f in os.walk(qmail + "/queue/todo"))
    quiet = quiet + 1 if now == size and started() == ended() and not todo else 0
    if "cannot start" in log(): break
    size = now
json.dump([accepted, log()], open("/result.json", "w"))
'''


def why_not(qmail, users):
    """Why none can run here, or None. `users` learns the ids of qmail's accounts."""
    if os.geteuid():
        return "needs root: mount namespaces, and owners of files"
    try:
        for name in users:
            account = pwd.getpwnam(name)
            users[name] = (account.pw_uid, account.pw_gid)
    except KeyError as error:
        return f"qmail's accounts are not all here: {error}"
    tried = subprocess.run(["unshare", "-mpf", "--propagation", "private", "mount", "--bind", qmail,
                            qmail],
                           capture_output=True, text=True)
    return f"no mount namespace here: {tried.stderr.strip()}" if tried.returncode else None


def follow(root, qmail, qmaild, addresses, takes_all=True):
    """(answer of qmail-smtpd per address, the log of qmail-send). Without `takes_all` the real
    qmail-remote goes where it is told."""
    if takes_all:
        remote = os.path.join(root, qmail.lstrip("/"), "bin/qmail-remote")
        with open(remote, "w", encoding="utf-8") as file:
            file.write(REMOTE)
        os.chmod(remote, 0o755)
    for name, text in (("addresses.json", json.dumps([qmail, addresses])), ("runner.py", RUNNER),
                       ("qmaild.json", json.dumps(qmaild))):
        with open(os.path.join(root, name), "w", encoding="utf-8") as file:
            file.write(text)
    mounts = []
    for path in SYSTEM + ["/dev", "/proc"] + ([] if sys.base_prefix.startswith("/usr")
                                              else [sys.base_prefix]):
        if os.path.isdir(path):
            os.makedirs(root + path, exist_ok=True)
            mounts.append(f"mount --rbind {path} {root}{path}" if path != "/proc"
                          else f"mount -t proc proc {root}/proc")
    os.makedirs(root + "/tmp", exist_ok=True)
    os.chmod(root + "/tmp", 0o1777)
    python = os.path.realpath(sys.executable)
    script = " && ".join([*mounts, f"exec chroot {root} {python} /runner.py"])
    subprocess.run(["unshare", "-mpf", "--propagation", "private", "sh", "-c", script], check=True,
                   timeout=900)
    with open(os.path.join(root, "result.json"), encoding="utf-8") as file:
        return json.load(file)


def outcomes(root, addresses, accepted, log):
    """What became of each address, in the words of `told`."""
    real = {address: set() for address in addresses}
    by_message, by_delivery = {}, {}
    if "cannot start" in log:
        return {a: {"deferred"} if answer == "2" else {"refused" if answer == "5" else "deferred"}
                for a, answer in zip(addresses, accepted)}
    for line in log.split("\n"):
        if found := re.search(r"info msg (\d+): bytes \d+ from <t(\d+)@sender", line):
            by_message[found[1]] = addresses[int(found[2])]
        elif found := re.search(r"info msg (\d+):", line):
            by_message.pop(found[1], None)
        elif found := re.search(r"starting delivery (\d+): msg (\d+) to (local|remote) (.*)", line):
            by_delivery[found[1]] = (by_message.get(found[2]), found[3], found[4])
        elif found := re.search(r"delivery (\d+): (success|failure|deferral): (.*)", line):
            address, channel, recipient = by_delivery[found[1]]
            if address is None:
                continue
            if found[2] == "deferral":
                real[address].add("deferred")
            elif found[2] == "failure":
                real[address].add("loops" if "looping" in found[3] else "bounced")
            elif channel == "remote":
                real[address].add("out " + recipient)
    for address, answer in zip(addresses, accepted):
        if answer != "2":
            real[address].add("refused" if answer == "5" else "deferred")
    for place, subject in stored(root):
        real[addresses[subject]].add("in " + place)
    return real


def stored(root):
    """Where messages lie: (directory of the Maildir or mbox file, number of the address)."""
    for place, directories, names in os.walk(root):
        directories[:] = [d for d in directories if os.path.join(place, d) not in
                          [root + s for s in SYSTEM + ["/dev", "/proc"]] and d != "queue"]
        for name in names:
            path = os.path.join(place, name)
            if not os.path.isfile(path) or os.path.getsize(path) > 100000 or os.path.islink(path):
                continue
            box = path if "mbox" in name.lower() or name == "Mailbox" else os.path.dirname(place) \
                if os.path.basename(place) == "new" else None
            if box is None:
                continue
            with open(path, errors="replace", encoding="utf-8") as file:
                for subject in re.findall(r"^Subject: t(\d+)\.$", file.read(), re.M):
                    yield box.removeprefix(root), int(subject)


def told(ends):
    """Ends as `vstate route` prints them: where they are, without why. Programs and dropped mail
    leave no trace."""
    out = set()
    for end in ends:
        kind, _, text = end.partition(": ")
        if kind == "delivered":
            out.add("in " + os.path.normpath(text.removeprefix("to ")))
        elif kind == "forwarded out":
            out.add("out " + re.match(r"(.*?) goes to ", text)[1].replace(" ", "_"))
        elif kind not in ("discarded", "runs a program"):
            out.add(kind)
    return out
