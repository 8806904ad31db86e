#!/usr/bin/env python3
"""fuzz.py BUILD [TARGET...]
Runs each fuzz target of a build for VSTATE_FUZZ_SECONDS (60), two at a time where there are two
processors, and prints a table: executions, seconds of processor, edges covered, finds. New inputs
gather in BUILD/fuzz/TARGET, finds in BUILD/fuzz/finds. With VSTATE_FUZZ_MERGE=1 the corpora in
tests/fuzz/corpus are made anew of what is needed to cover as much. Fails when anything was found.
"""
import concurrent.futures
import glob
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FUZZ = os.path.join(HERE, "tests", "fuzz")
# A larger input is a large input and nothing else; these parsers need more for a whole file.
LONGEST = {"assign_lookup": 8192, "cdb": 16384, "domain_file": 8192, "inspection": 6000,
           "tar": 16384}
USUAL_LONGEST = 4096
LIMITS = ["-timeout=15", "-rss_limit_mb=2048"]
# What goes wrong as root must not reach other processes: a target sees none but its own.
ALONE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child",
         "sh", "-c", '"$@"; exit $?', "sh"]


def limits_of(name):
    return [*LIMITS, f"-max_len={LONGEST.get(name, USUAL_LONGEST)}"]


def alone():
    if subprocess.run([*ALONE, "true"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                      check=False).returncode == 0:
        return ALONE
    return []


def run(program, name, work, seconds):
    gathered = os.path.join(work, name)
    os.makedirs(gathered, exist_ok=True)
    words = [*alone(), program, *limits_of(name),
             f"-max_total_time={seconds}", "-print_final_stats=1",
             f"-artifact_prefix={os.path.join(work, 'finds', name)}-"]
    dictionary = os.path.join(FUZZ, "dictionaries", f"{name}.dict")
    if os.path.exists(dictionary):
        words.append(f"-dict={dictionary}")
    words.append(gathered)
    if os.path.isdir(os.path.join(FUZZ, "corpus", name)):
        words.append(os.path.join(FUZZ, "corpus", name))
    # /usr/bin/time is no part of every system; what a child used is known once it was waited for.
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode("utf-8", "replace")
    return text, child.returncode, used.ru_utime + used.ru_stime


def last_number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def merge(program, name, work):
    """The smallest set of inputs that covers what all cover."""
    corpus = os.path.join(FUZZ, "corpus", name)
    with tempfile.TemporaryDirectory() as merged:
        subprocess.run([program, *limits_of(name), "-merge=1", merged, corpus,
                        os.path.join(work, name)], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(corpus, ignore_errors=True)
        shutil.copytree(merged, corpus)


def main(build, wanted):
    work = os.path.join(build, "fuzz")
    os.makedirs(os.path.join(work, "finds"), exist_ok=True)
    seconds = int(os.environ.get("VSTATE_FUZZ_SECONDS", "60"))
    programs = {os.path.basename(path)[len("fuzz_"):]: path
                for path in glob.glob(os.path.join(build, "tests", "fuzz", "fuzz_*"))
                if os.access(path, os.X_OK)}
    names = sorted(wanted or programs)
    print(f"{'target':16} {'executions':>12} {'cpu s':>7} {'edges':>7} finds", flush=True)
    found = 0
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        runs = {name: pool.submit(run, programs[name], name, work, seconds) for name in names}
        for name, done in runs.items():
            text, status, cpu = done.result()
            found += status != 0
            print(f"{name:16} {last_number(r'number_of_executed_units: *([0-9]+)', text):12,} "
                  f"{cpu:7.0f} {last_number(r'cov: ([0-9]+)', text):7} {int(status != 0)}",
                  flush=True)
            if status != 0:
                print(text[-4000:], file=sys.stderr)
            elif os.environ.get("VSTATE_FUZZ_MERGE"):
                merge(programs[name], name, work)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{len(names)} targets, {used.ru_utime + used.ru_stime:,.0f} s of processor, "
          f"{found} with a find")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
