"""A real PostgreSQL for tests: made, started and removed by them, on a socket in a folder of its own."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def postgres() -> Iterator[str]:
    """URI of an empty database, `postgresql://drugml@/postgres?host=FOLDER`; without PostgreSQL the test is skipped."""
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    owner = _owner()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short, as paths of sockets must be, and not inside root's own
    if owner is not None:
        os.chown(folder, owner.pw_uid, owner.pw_gid)

    def run(*command: object) -> None:
        user = {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        done = subprocess.run([*map(str, command)], cwd=folder, capture_output=True, text=True, check=False, **user)
        assert done.returncode == 0, done.stdout + done.stderr

    options = f"-k {folder} -c listen_addresses= -c fsync=off"
    try:
        run(initdb, "-D", folder / "data", "-U", "drugml", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        run(pg_ctl, "start", "-w", "-D", folder / "data", "-l", folder / "log", "-o", options)
        try:
            yield f"postgresql://drugml@/postgres?host={folder}"
        finally:
            run(pg_ctl, "stop", "-m", "immediate", "-D", folder / "data")
    finally:
        shutil.rmtree(folder)


def _program(name: str) -> str:
    """Debian keeps these outside the PATH."""
    inside = sorted(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")))
    found = shutil.which(name) or (inside[-1] if inside else None)
    if found is None:
        pytest.skip(f"no test on PostgreSQL without {name}")
    return found


def _owner() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: another user then; None for the user of the test."""
    if os.geteuid() != 0:
        return None
    users = {u.pw_name: u for u in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in users:
            return users[name]
    return pytest.skip("no test on PostgreSQL as root without a user `postgres` or `nobody`")
