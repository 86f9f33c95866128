"""Named checks that print one line each: `ok NAME`, or `FAIL NAME: expected …, got …`."""

import os
import sys

import settings

REGISTERED = []
CLEANUPS = []
JOBS = [job for job in os.environ.get("JOBS", "").split(",") if job]


class Wrong(Exception):
    """What the server did is not what the contract says."""


def check(name):
    def register(work):
        REGISTERED.append((name, work))
        return work

    return register


def expect(got, wanted, what):
    """`wanted` is the one right value, or a tuple of the allowed ones."""
    allowed = wanted if isinstance(wanted, tuple) else (wanted,)
    if got not in allowed:
        raise Wrong(f"expected {what} {' or '.join(map(str, allowed))}, got {got}")


def expect_true(condition, wanted, got):
    if not condition:
        raise Wrong(f"expected {wanted}, got {got}")


def fresh_job():
    """A job that no check has used yet."""
    if not JOBS:
        raise Wrong("expected one more job id in JOBS, got none")
    return JOBS.pop(0)


def run():
    """Runs all checks, or those whose names contain argv[1]."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    failed = 0
    for name, work in REGISTERED:
        if wanted not in name:
            continue
        try:
            work()
            print(f"ok {name}", flush=True)
        except Wrong as wrong:
            failed += 1
            print(f"FAIL {name}: {wrong}", flush=True)
        except Exception as error:  # a reply so wrong that the check itself stumbled over it
            failed += 1
            print(f"FAIL {name}: expected a sound answer, got {type(error).__name__}: {error}", flush=True)
        while CLEANUPS:
            try:
                CLEANUPS.pop()()
            except Exception:  # what a check leaves behind is not what it is about
                pass
    if failed:
        settings.fail(f"{failed} checks failed")
